"""Members: only plain data sets of the file itself are opened, and no other file is looked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from w1bench.errors import SubmissionError
from w1bench.scoring.submission_hdf5 import members

SHAPES = {"gradient": (200, 2), "input_potential": (200,)}


def found(path: Path, fill: Callable[[h5py.File], Any]) -> dict[str, h5py.Dataset]:
    with h5py.File(path, "w") as file:
        fill(file)
    return members(h5py.File(path), SHAPES)


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8"])
@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"chunks": (10, 1)},
        {"compression": "gzip", "shuffle": True, "fletcher32": True},
        {"chunks": (2**18, 4), "maxshape": (None, None)},  # 8 MiB of float64
    ],
)
def test_plain_data_sets_are_opened(dtype: str, layout: dict[str, Any], tmp_path: Path) -> None:
    values = np.ones((200, 2), dtype)
    arrays = found(tmp_path / "x.h5", lambda file: file.create_dataset("gradient", data=values, **layout))
    assert list(arrays) == ["gradient"]
    np.testing.assert_array_equal(arrays["gradient"][:], values, strict=True)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda f: f.create_dataset("gradient", (200, 2), "f8", chunks=(2**18 + 1, 4), maxshape=(None, None)), "8 MiB"),
        (lambda f: f.create_dataset("gradient", (200, 2), "f8", compression="lzf"), "plain data set"),
        (lambda f: f.create_dataset("gradient", (200, 2), "f8", scaleoffset=2), "plain data set"),
        (lambda f: f.create_dataset("gradient", (200, 2), ">f8"), "came as >f8"),
        (lambda f: f.create_dataset("gradient", (200, 2), "i4"), "came as <i4"),
        (lambda f: f.create_dataset("gradient", (200, 2), h5py.string_dtype()), "something other than floats"),
        (lambda f: f.create_dataset("gradient", (2, 200), "f8"), r"shape \(2, 200\); the pair needs \(200, 2\)"),
        (lambda f: f.__setitem__("gradient", np.dtype("f8")), "plain data set"),
        (lambda f: f.create_group("gradient"), "plain data set"),
        (lambda f: f.__setitem__("gradient", h5py.SoftLink("/gradient")), "plain data set"),
        (lambda f: f.create_dataset("gradients", (200, 2), "f8"), "holds 1 member, of which none is one of gradient, "),
        (
            lambda f: [f.create_dataset(name, (200, 2), "f8") for name in ("gradient", "more")],
            "1 member besides gradient, .*; leave it out",
        ),
    ],
)
def test_anything_else_is_refused(make: Callable[[h5py.File], Any], reason: str, tmp_path: Path) -> None:
    with pytest.raises(SubmissionError, match=reason):
        found(tmp_path / "x.h5", make)


def test_an_external_link_is_refused_whether_or_not_it_leads_somewhere(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["gradient"] = np.ones((200, 2))
    for place in ("other.h5", "nowhere.h5"):
        with pytest.raises(SubmissionError, match="plain data set"):
            found(
                tmp_path / "x.h5",
                lambda file, place=place: file.__setitem__("gradient", h5py.ExternalLink(place, "gradient")),
            )
