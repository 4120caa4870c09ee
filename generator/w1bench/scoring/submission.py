"""A submission: a critic's gradients and values at a pair's points, as arrays, `.npy` or `.h5`, checked against the exact shapes needed."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from w1bench.archive import hdf5 as store
from w1bench.archive.manifest import Manifest
from w1bench.arrays import RowArray, blocks
from w1bench.errors import SubmissionError
from w1bench.scoring import submission_hdf5 as members
from w1bench.scoring import submission_npy as npy

REQUIRED = "gradient"
LARGEST = 1e100  # beyond it a square overflows float64
Submission = Mapping[str, RowArray]


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
    present = {name: _as_array(name, array) for name, array in arrays.items() if array is not None}
    return checked(present, manifest)


def _as_array(name: str, values: Any) -> NDArray[Any]:
    """Values as an array; of a torch tensor, whatever its device, those without their history."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.float() if str(values.dtype) == "torch.bfloat16" else values  # which numpy does not have
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise SubmissionError(f"`{name}` is no array ({error}); give one of numpy, torch or JAX.") from None


@contextmanager
def open_submission(path: Path, manifest: Manifest) -> Generator[Submission]:
    """A submission from a `.npy` (the gradient alone) or `.h5` file of one's own, told apart by their first bytes.

    Raises:
        SubmissionError: the file is missing, neither of the two, or damaged; or as `from_arrays`.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise SubmissionError(f"{path} cannot be read ({error.strerror}); give a .h5 or .npy file.") from None
    with file:
        if not is_hdf5(file):
            yield checked({REQUIRED: npy.mapped(file, REQUIRED)}, manifest)
            return
        try:
            opened = h5py.File(path, "r")
        except OSError:
            raise SubmissionError("The file is truncated or damaged HDF5; write it again.") from None
        with opened:
            yield checked(members.members(opened, shapes(manifest)), manifest)


def is_hdf5(file: BinaryIO) -> bool:
    """Whether an opened file is HDF5, else .npy, by its first bytes.

    Raises:
        SubmissionError: it is neither.
    """
    start = file.read(len(members.MAGIC))
    if start != members.MAGIC and not start.startswith(npy.MAGIC):
        raise SubmissionError(
            "The file is neither .npy nor HDF5; save the gradient with numpy.save, or the arrays with h5py."
        )
    return start == members.MAGIC


def checked(arrays: Mapping[str, RowArray], manifest: Manifest) -> Submission:
    """The arrays as a submission; raises as `from_arrays`."""
    needed = shapes(manifest)
    if unknown := sorted(set(arrays) - set(needed)):
        raise SubmissionError(f"Unknown array `{unknown[0]}`; a submission holds {', '.join(needed)}.")
    if REQUIRED not in arrays:
        raise SubmissionError(
            f"The submission holds {', '.join(arrays) or 'no array'}; it needs `{REQUIRED}`: "
            f"grad f at test input, shape {needed[REQUIRED]}."
        )
    for name, array in arrays.items():
        members.check_dtype(name, array.dtype.str)
        members.check_shape(name, array.shape, needed[name])
        _check_finite(name, array)
    return arrays


def write(path: Path, arrays: Submission) -> None:
    """Write a submission as `.h5`, with the same bytes for the same arrays."""
    datasets = {name: store.Spec(array.shape, array.dtype) for name, array in arrays.items()}
    with store.create(path, datasets) as created:
        for name, array in arrays.items():
            created[name][...] = array[...]


def _check_finite(name: str, array: RowArray) -> None:
    for rows in blocks(array):
        try:
            block = np.asarray(array[rows], np.float64)
        except OSError:
            raise SubmissionError(f"`{name}` cannot be read; write the file again.") from None
        bad = ~(np.abs(block) <= LARGEST)
        if bad.any():
            first = np.argwhere(bad)[0]
            where = ", ".join(str(int(i)) for i in (first[0] + rows.start, *first[1:]))
            raise SubmissionError(
                f"`{name}`[{where}] is {block[tuple(first)]}; every value must be finite and at most {LARGEST:g} in size."
            )
