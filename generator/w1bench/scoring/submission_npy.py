"""A reader of `.npy` files from strangers: one pattern must match the whole header, the array is mapped, nothing is evaluated.

The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

import os
import re
import struct
from math import prod
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from w1bench.errors import SubmissionError
from w1bench.scoring.submission_hdf5 import check_dtype

MAGIC = b"\x93NUMPY"
_LARGEST_HEADER = 4096
_LENGTHS = {b"\x01\x00": "<H", b"\x02\x00": "<I"}  # of the header, by the format's version
_DESCR = r"'descr': *'(?P<descr>[<>|=]?[A-Za-z][0-9]{0,9})'"
_ORDER = r"'fortran_order': *(?P<fortran>True|False)"
_SHAPE = r"'shape': *\((?P<shape>[0-9, ]*)\)"
_HEADER = re.compile(rf"\{{ *(?:(?:{_DESCR}|{_ORDER}|{_SHAPE}) *(?:, *|(?=\}})))+\}} *\n?")
_MOST_AXES = 32
_AXIS = re.compile(r"[0-9]{1,19}")


def mapped(file: BinaryIO, name: str) -> NDArray[Any]:
    """The array of an opened .npy file, as a memory map; errors call it `name`.

    Raises:
        SubmissionError: the header is not a plain array's, the dtype no little-endian float, the order Fortran's, or the
            length of the file another than its header says.
    """
    file.seek(0)
    header = _header(file)
    if header is None:
        raise SubmissionError("The file has no sound .npy header; save a plain array with numpy.save.")
    descr, fortran, shape = header
    check_dtype(name, descr)
    dtype, offset = np.dtype(descr), file.tell()
    needed, present = dtype.itemsize * prod(shape), os.fstat(file.fileno()).st_size - offset
    if present != needed or not needed:
        raise SubmissionError(
            f"The file holds {present} bytes of data after its header, but shape {shape} of {descr} takes {needed}; "
            "it is empty or was cut off: save it again."
        )
    if fortran and len(shape) > 1:
        raise SubmissionError(
            f"The array came with shape {shape} in Fortran order; save numpy.ascontiguousarray(gradient), and see that its rows are points."
        )
    return np.memmap(file, dtype, "r", offset, shape)


def _header(file: BinaryIO) -> tuple[str, bool, tuple[int, ...]] | None:
    """Dtype, order and shape, with the file then at its data; None where they are not said as they must be."""
    start = file.read(len(MAGIC) + 2)
    packed = _LENGTHS.get(start[len(MAGIC) :])
    if not start.startswith(MAGIC) or packed is None:
        return None
    size = file.read(struct.calcsize(packed))
    if len(size) < struct.calcsize(packed) or (length := struct.unpack(packed, size)[0]) > _LARGEST_HEADER:
        return None
    text = file.read(length)
    header = _HEADER.fullmatch(text.decode("latin-1")) if len(text) == length else None
    if header is None or None in header.groups():
        return None
    axes = [axis.strip() for axis in header["shape"].removesuffix(",").split(",")] if header["shape"].strip() else []
    if len(axes) > _MOST_AXES or not all(_AXIS.fullmatch(axis) for axis in axes):
        return None
    return header["descr"], header["fortran"] == "True", tuple(map(int, axes))
