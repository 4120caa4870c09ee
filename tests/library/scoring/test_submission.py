"""Submissions: what fits is read as it is, what does not gets a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from w1bench.archive.manifest import Manifest, read_published_manifest
from w1bench.errors import SubmissionError
from w1bench.scoring import submission


@pytest.fixture
def manifest(archive: Path) -> Manifest:
    return read_published_manifest(archive / "small-d16-n64-p8")


@pytest.fixture
def gradient(manifest: Manifest) -> NDArray[Any]:
    return np.random.default_rng(0).standard_normal((manifest.rows("test"), 16))


def opened(path: Path, manifest: Manifest) -> dict[str, NDArray[Any]]:
    with submission.open_submission(path, manifest) as arrays:
        return {name: array[:] for name, array in arrays.items()}


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8"])
def test_npy_and_h5_are_read_as_they_were_written(
    dtype: str, gradient: NDArray[Any], manifest: Manifest, tmp_path: Path
) -> None:
    arrays = {"gradient": gradient.astype(dtype), "input_potential": np.zeros(len(gradient))}
    np.save(tmp_path / "g.npy", arrays["gradient"])
    submission.write(tmp_path / "g.h5", submission.from_arrays(manifest, arrays))
    np.testing.assert_array_equal(opened(tmp_path / "g.npy", manifest)["gradient"], arrays["gradient"])
    read = opened(tmp_path / "g.h5", manifest)
    assert set(read) == set(arrays)
    np.testing.assert_array_equal(read["gradient"], arrays["gradient"])


def test_the_same_arrays_give_the_same_file(gradient: NDArray[Any], manifest: Manifest, tmp_path: Path) -> None:
    for name in ("a.h5", "b.h5"):
        submission.write(tmp_path / name, submission.from_arrays(manifest, {"gradient": gradient}))
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def _with(array: NDArray[Any], index: tuple[int, ...], value: float) -> NDArray[Any]:
    array = array.copy()
    array[index] = value
    return array


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda g: g[:-1], r"came with shape \(1499, 16\); the pair needs \(1500, 16\)"),
        (lambda g: g[:, :-1], r"came with shape \(1500, 15\)"),
        (lambda g: g.T, r"came with shape \(16, 1500\)"),
        (lambda g: g[None], "came with shape"),
        (lambda g: g[:0], "came with shape"),
        (lambda g: _with(g, (12, 3), np.nan), r"`gradient`\[12, 3\] is nan; every value must be finite"),
        (lambda g: _with(g, (1499, 15), np.inf), r"`gradient`\[1499, 15\] is inf"),
        (lambda g: _with(g, (5, 0), 1e200), r"`gradient`\[5, 0\] is 1e\+200"),
        (lambda g: g.astype(">f8"), "came as >f8; give little-endian"),
        (lambda g: g.astype(int), "came as <i8"),
        (lambda g: g.astype(complex), "came as <c16"),
        (lambda g: g.astype(np.longdouble), "came as <f16"),
        (lambda g: g.astype(str), "came as <U"),
        (lambda g: g.astype(object), r"came as \|O"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    change: Any, sentence: str, gradient: NDArray[Any], manifest: Manifest, tmp_path: Path
) -> None:
    changed = change(gradient)
    with pytest.raises(SubmissionError, match=sentence):
        submission.from_arrays(manifest, {"gradient": changed})
    if changed.dtype != object:
        np.save(tmp_path / "g.npy", np.ascontiguousarray(changed))
        with pytest.raises(SubmissionError, match="came with|came as|is nan|is inf|is 1e|empty"):
            opened(tmp_path / "g.npy", manifest)


def test_missing_and_unknown_arrays_are_said(gradient: NDArray[Any], manifest: Manifest) -> None:
    with pytest.raises(SubmissionError, match="it needs `gradient`"):
        submission.from_arrays(manifest, {"input_potential": np.zeros(1500)})
    with pytest.raises(SubmissionError, match="Unknown array `potential`"):
        submission.from_arrays(manifest, {"gradient": gradient, "potential": np.zeros(1500)})


def test_a_pickle_is_never_opened(manifest: Manifest, tmp_path: Path) -> None:
    np.save(tmp_path / "g.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(SubmissionError, match=r"came as \|O"):
        opened(tmp_path / "g.npy", manifest)


NPY_DAMAGE = {
    "truncated": lambda c: c[:-100],
    "longer": lambda c: c + b"\0",
    "header only": lambda c: c[:128],
    "half a header": lambda c: c[:20],
    "version": lambda c: c[:6] + b"\x09\x00" + c[8:],
    "garbage header": lambda c: c[:10] + b"(" * 118 + c[128:],
    "huge header": lambda c: c[:8] + b"\xff\xff" + c[10:],
    "shape overflow": lambda c: c.replace(b"(1500, 16), }", b"(2**62, 9), }"),
    "large shape": lambda c: c.replace(b"(1500, 16), }     ", b"(99999999, 9999), }"[:18]),
}


@pytest.mark.parametrize("damage", NPY_DAMAGE.values(), ids=NPY_DAMAGE)
def test_damaged_npy_files_are_refused(damage: Any, gradient: NDArray[Any], manifest: Manifest, tmp_path: Path) -> None:
    np.save(tmp_path / "g.npy", gradient)
    (tmp_path / "g.npy").write_bytes(damage((tmp_path / "g.npy").read_bytes()))
    with pytest.raises(SubmissionError):
        opened(tmp_path / "g.npy", manifest)


def test_fortran_order_is_refused_with_its_remedy(gradient: NDArray[Any], manifest: Manifest, tmp_path: Path) -> None:
    np.save(tmp_path / "g.npy", np.asfortranarray(gradient))
    with pytest.raises(SubmissionError, match="ascontiguousarray"):
        opened(tmp_path / "g.npy", manifest)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + b"x" * 5000])
def test_what_is_neither_format_is_refused(content: bytes, manifest: Manifest, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(SubmissionError, match=r"neither .npy nor HDF5|truncated or damaged"):
        opened(tmp_path / "file", manifest)
    with pytest.raises(SubmissionError, match="cannot be read"):
        opened(tmp_path / "none", manifest)


def _group(file: h5py.File, gradient: NDArray[Any], folder: Path) -> None:
    file.create_group("gradient")


def _soft_link(file: h5py.File, gradient: NDArray[Any], folder: Path) -> None:
    file["real"] = gradient
    file["gradient"] = h5py.SoftLink("/real")


def _external_link(file: h5py.File, gradient: NDArray[Any], folder: Path) -> None:
    with h5py.File(folder / "other.h5", "w") as other:
        other["gradient"] = gradient
    file["gradient"] = h5py.ExternalLink(str(folder / "other.h5"), "gradient")


def _external_storage(file: h5py.File, gradient: NDArray[Any], folder: Path) -> None:
    gradient.tofile(folder / "raw")
    file.create_dataset("gradient", gradient.shape, "<f8", external=[(str(folder / "raw"), 0, gradient.nbytes)])


def _virtual(file: h5py.File, gradient: NDArray[Any], folder: Path) -> None:
    with h5py.File(folder / "other.h5", "w") as other:
        other["gradient"] = gradient
    layout = h5py.VirtualLayout(gradient.shape, "<f8")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "gradient", gradient.shape)
    file.create_virtual_dataset("gradient", layout)


def _additional(file: h5py.File, gradient: NDArray[Any], folder: Path) -> None:
    file["gradient"] = gradient
    file["more"] = gradient


@pytest.mark.parametrize("make", [_group, _soft_link, _external_link, _external_storage, _virtual, _additional])
def test_hdf5_that_is_not_plain_data_is_refused(
    make: Any, gradient: NDArray[Any], manifest: Manifest, tmp_path: Path
) -> None:
    with h5py.File(tmp_path / "g.h5", "w") as file:
        make(file, gradient, tmp_path)
    with pytest.raises(SubmissionError, match="not a plain data set|besides"):
        opened(tmp_path / "g.h5", manifest)


def test_shapes_of_every_pair_follow_its_format(pair_folder: Path) -> None:
    manifest = read_published_manifest(pair_folder)
    assert submission.shapes(manifest)["gradient"] == manifest.specs("test")["gradient"].shape
    assert submission.shapes(manifest)["probe_gradient"] == manifest.specs("probe")["interpolate"].shape
