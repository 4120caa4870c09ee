"""Types of arrays, and the blocks of rows that large ones are read in."""

from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
F64 = NDArray[np.float64]
# What is read by slicing rows: an HDF5 data set, a memory map or an array.
RowArray = h5py.Dataset | NDArray[Any]
_BLOCK_BYTES = 1 << 21


def blocks(array: RowArray, size: int = _BLOCK_BYTES) -> Iterator[slice]:
    """Slices of rows that cover `array`, each of about `size` bytes."""
    row = max(1, array.dtype.itemsize * int(np.prod(array.shape[1:], dtype=np.int64)))
    step = max(1, size // row)
    for start in range(0, array.shape[0], step):
        yield slice(start, min(start + step, array.shape[0]))
