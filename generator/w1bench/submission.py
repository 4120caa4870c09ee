"""Submission: what a critic says at a pair's points, as arrays, `.npy` or `.h5`; held against the exact shapes needed."""

from __future__ import annotations

import tokenize
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from w1bench import store
from w1bench.errors import SubmissionError
from w1bench.manifest import Manifest
from w1bench.store import Rows

REQUIRED = "gradient"
LARGEST = 1e100  # beyond it a square overflows float64

_DTYPES = {np.dtype(kind) for kind in ("<f2", "<f4", "<f8")}
_NPY_MAGIC, _HDF_MAGIC = b"\x93NUMPY", b"\x89HDF\r\n\x1a\n"
_NPY_HEADER_BYTES = 4096
_HDF_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}

Submission = Mapping[str, Rows]


def shapes(manifest: Manifest) -> dict[str, tuple[int, ...]]:
    """The arrays that a submission to a pair may hold, and their exact shapes; only `gradient` is required."""
    test, probe = manifest.rows("test"), manifest.rows("probe")
    return {
        "gradient": (test, *manifest.shape),
        "input_potential": (test,),
        "target_potential": (test,),
        "probe_gradient": (probe, *manifest.shape),
        "transported": (test, *manifest.shape),
    }


def largest_bytes(manifest: Manifest) -> int:
    """What a file with every array in float64 may take: a fourth more than the arrays, and 64 KiB."""
    return int(1.25 * sum(8 * prod(shape) for shape in shapes(manifest).values())) + (1 << 16)


def from_arrays(manifest: Manifest, arrays: Mapping[str, ArrayLike | None]) -> Submission:
    """A submission from arrays in memory; None stands for an array that is not given.

    Raises:
        SubmissionError: an array is unknown, missing, of another shape or dtype, or not finite.
    """
    given = {name: np.asarray(array) for name, array in arrays.items() if array is not None}
    return _checked(given, manifest)


@contextmanager
def open_submission(path: Path, manifest: Manifest) -> Generator[Submission]:
    """A submission from a `.npy` (the gradient alone) or `.h5` file, told apart by their first bytes.

    Raises:
        SubmissionError: the file is missing, neither of the two, or damaged; or as `from_arrays`.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(8)
            if magic.startswith(_NPY_MAGIC):
                yield _checked({REQUIRED: _memory_map(path, file)}, manifest)
                return
    except OSError as error:
        raise SubmissionError(f"{path} cannot be read ({error.strerror}); give a .h5 or .npy file.") from None
    if magic != _HDF_MAGIC:
        raise SubmissionError(
            f"{path.name} starts with {magic!r}, so it is neither .npy nor HDF5; save the gradient with numpy.save, "
            "or the arrays with h5py."
        )
    try:
        opened = h5py.File(path, "r")
    except OSError as error:
        raise SubmissionError(f"{path.name} is truncated or damaged HDF5 ({error}); write it again.") from None
    with opened as file:
        yield _checked(_datasets(file, manifest), manifest)


def write(path: Path, arrays: Submission) -> None:
    """Write a submission as `.h5`, with the same bytes for the same arrays."""
    datasets = {name: store.Spec(array.shape, array.dtype) for name, array in arrays.items()}
    with store.create(path, datasets) as created:
        for name, array in arrays.items():
            created[name][...] = array[...]


def _memory_map(path: Path, file: BinaryIO) -> NDArray[Any]:
    """The array of an opened .npy file, without loading or unpickling anything."""
    file.seek(0)
    try:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, fortran, dtype = read(file, max_header_size=_NPY_HEADER_BYTES)
    except (
        ValueError,
        KeyError,
        EOFError,
        SyntaxError,
        tokenize.TokenError,
        RecursionError,
        OverflowError,
    ) as error:
        raise SubmissionError(f"{path.name} has no sound .npy header ({error}); save it with numpy.save.") from None
    _check_dtype(REQUIRED, dtype)
    offset, needed = file.tell(), dtype.itemsize * prod(shape)
    if (size := path.stat().st_size - offset) != needed or not needed:
        raise SubmissionError(
            f"{path.name} holds {size} bytes of data after its header, but shape {shape} of {dtype} takes {needed}; "
            "it is empty or was cut off: save it again."
        )
    if fortran and len(shape) > 1:
        raise SubmissionError(f"{path.name} is in Fortran order; save numpy.ascontiguousarray(gradient).")
    return np.memmap(path, dtype, "r", offset, shape)


def _datasets(file: h5py.File, manifest: Manifest) -> dict[str, h5py.Dataset]:
    """The known members of an opened HDF5 file; nothing else of it is looked at."""
    found: dict[str, h5py.Dataset] = {}
    for name in shapes(manifest):
        try:
            link = file.get(name, getlink=True)
            if link is None:
                continue
            member = file[name] if isinstance(link, h5py.HardLink) else None
        except (KeyError, OSError, RuntimeError, ValueError) as error:
            raise SubmissionError(f"`{name}` cannot be opened ({error}); write the file again.") from None
        if not isinstance(member, h5py.Dataset) or not _is_plain(member):
            raise SubmissionError(
                f"`{name}` is not a plain data set; store the array itself: no link, group, virtual or external data, "
                "and no filters but gzip, shuffle and fletcher32."
            )
        found[name] = member
    unknown = len(file) - len(found)
    if unknown:
        raise SubmissionError(
            f"The file holds {unknown} members besides {', '.join(shapes(manifest))}; leave them out."
        )
    return found


def _is_plain(dataset: h5py.Dataset) -> bool:
    layout = dataset.id.get_create_plist()
    filters = {layout.get_filter(i)[0] for i in range(layout.get_nfilters())}
    return not (dataset.is_virtual or layout.get_external_count() or filters - _HDF_FILTERS)


def _checked(arrays: Mapping[str, Rows], manifest: Manifest) -> Submission:
    needed = shapes(manifest)
    if unknown := sorted(set(arrays) - set(needed)):
        raise SubmissionError(f"Unknown array `{unknown[0]}`; a submission holds {', '.join(needed)}.")
    if REQUIRED not in arrays:
        raise SubmissionError(
            f"The submission holds {', '.join(arrays) or 'no array'}; it needs `{REQUIRED}`: "
            f"grad f at test input, shape {needed[REQUIRED]}."
        )
    for name, array in arrays.items():
        _check_dtype(name, array.dtype)
        if array.shape != needed[name]:
            raise SubmissionError(f"`{name}` came with shape {array.shape}; {manifest.name} needs {needed[name]}.")
        _check_finite(name, array)
    return arrays


def _check_dtype(name: str, dtype: np.dtype[Any]) -> None:
    if dtype not in _DTYPES:
        raise SubmissionError(f"`{name}` came as {dtype.str}; give little-endian float16, float32 or float64.")


def _check_finite(name: str, array: Rows) -> None:
    for rows in store.blocks(array):
        try:
            block = np.asarray(array[rows], np.float64)
        except OSError as error:
            raise SubmissionError(f"`{name}` cannot be read ({error}); write the file again.") from None
        bad = ~(np.abs(block) <= LARGEST)
        if bad.any():
            first = np.argwhere(bad)[0]
            where = ", ".join(str(int(i)) for i in (first[0] + rows.start, *first[1:]))
            raise SubmissionError(
                f"`{name}`[{where}] is {block[tuple(first)]}; every value must be finite and at most {LARGEST:g} in size."
            )
