"""The Python surface: load, lazy arrays, batches, score, and what a light install can do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

import w1bench
from w1bench.archive.manifest import read_published_manifest
from w1bench.errors import MissingExtraError, PairError, SourceError

NAME = "small-d16-n64-p8"


def test_a_pair_opens_by_folder_and_by_name(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert w1bench.load(archive / NAME).name == NAME
    assert w1bench.load(NAME, archive=str(archive)).w1 == read_published_manifest(archive / NAME).w1
    monkeypatch.setenv("W1BENCH_ARCHIVE", str(archive))
    assert w1bench.load(NAME).shape == (16,)
    monkeypatch.setenv("W1BENCH_ARCHIVE", str(tmp_path))
    monkeypatch.setenv("W1BENCH_HOME", str(archive))
    assert w1bench.load(NAME).folder == archive / NAME


def test_an_unknown_pair_is_said_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("W1BENCH_HOME", str(tmp_path))
    for name, sentence in {
        "hd-d2-n4-p8": r"; build it \(w1bench build hd-d2-n4-p8\), or set W1BENCH_ARCHIVE",
        "hd-d2-n5-p8": r", nor a recipe of that name; the nearest: hd-d2-n\d+-p8, .*\. Set W1BENCH_ARCHIVE",
        "nothing": r", nor a recipe of that name\. Set W1BENCH_ARCHIVE",
    }.items():
        with pytest.raises(PairError, match=f"There is no pair {name} in .*{sentence}"):
            w1bench.load(name, archive=str(tmp_path))


def test_arrays_are_lazy_and_named(archive: Path) -> None:
    pair = w1bench.load(archive / NAME)
    assert isinstance(pair.train.input, h5py.Dataset)
    assert pair.test.gradient[:5].shape == (5, 16)
    assert {"input", "gradient"} <= set(dir(pair.test))
    with pytest.raises(AttributeError, match=r"test.h5 has no data set colour; it has gradient, input"):
        _ = pair.test.colour


def test_a_file_that_was_not_fetched_is_said(archive: Path, tmp_path: Path) -> None:
    from w1bench.archive.fetch import fetch

    pair = w1bench.load(fetch(NAME, str(archive), tmp_path, only=["test"]))
    assert w1bench.score(pair, gradient=pair.test.gradient[:]).pair == NAME
    with pytest.raises(PairError, match=r"train.h5 is missing; fetch the pair again, or without --only"):
        _ = pair.train.input


def test_batches_are_endless_and_unpaired(archive: Path) -> None:
    pair = w1bench.load(archive / "small-photos")
    batches = pair.batches(128, seed=3)
    x, y = next(batches)
    assert not torch.equal(next(batches)[0], x)
    assert (x.shape, y.shape, x.dtype) == ((128, 3, 32, 32), (128, 3, 32, 32), torch.float32)
    stored = torch.from_numpy(pair.train.input[:])
    assert all((stored == row).flatten(1).all(dim=1).any() for row in x)
    assert torch.equal(next(pair.batches(128, seed=3))[0], x)


def test_fresh_draws_need_the_source_and_no_funnel_file(tmp_path: Path) -> None:
    from support.recipes import pinned, published_funnel, small_recipe
    from w1bench.builder.build import build

    table = published_funnel(tmp_path / "f.pt", [[0.0, 0.0], [1.0, 1.0]], [0.0, 0.1])
    pair = w1bench.load(build(small_recipe("away", funnel=table), tmp_path / "archive"))
    (tmp_path / "f.pt").unlink()
    x = pair.sampler(4000)[0](0)
    assert abs(float(x.mean()) - float(pair.train.input[:].mean())) < 0.1
    (tmp_path / "pictures").mkdir()
    Image.fromarray(np.full((40, 40, 3), 255, np.uint8)).save(tmp_path / "pictures" / "white.png")
    source = pinned({"kind": "images", "dataset": "photos", "noise": 0.01, "root": str(tmp_path / "pictures")})
    sizes = {"train": 100, "test": 100, "probe": 10, "w1_rays": 512}
    recipe = small_recipe("white", power=10.0, half_width=1.2, source=source, sizes=sizes)
    with pytest.raises(SourceError, match="give source.root"):
        w1bench.load(build(recipe, tmp_path / "archive")).sampler(10)


def test_the_light_install_loads_scores_and_says_what_batches_need(archive: Path) -> None:
    """With every heavy module made unimportable, as where it was never installed."""
    program = f"""
import sys
for name in ("torch", "numba", "scipy", "PIL", "matplotlib", "fastapi", "sqlalchemy", "ray"):
    sys.modules[name] = None
import w1bench
from w1bench.errors import MissingExtraError
pair = w1bench.load({str(archive / NAME)!r})
card = w1bench.score(pair, gradient=pair.test.gradient[:], input_potential=pair.test.input_potential[:])
assert card.metrics["cos"].value > 1 - 1e-12
try:
    next(pair.batches(10))
except MissingExtraError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "pip install '.[torch]'" in done.stdout
    assert issubclass(MissingExtraError, w1bench.W1BenchError)


def test_importing_is_fast_and_light() -> None:
    program = "import w1bench, sys; w1bench.load; print([m for m in ('torch', 'numba', 'scipy', 'fastapi') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_names_that_are_not_there_are_said() -> None:
    with pytest.raises(AttributeError, match="it has .*Evaluation, Scorecard, StoredPair"):
        w1bench.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_funnels_can_be_read_to_draw_them(archive: Path) -> None:
    pair = w1bench.load(archive / "small-d2-n4-p8")
    assert np.abs(pair.funnel.center[:]).max() <= 2.5
