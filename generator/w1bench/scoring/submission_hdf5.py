"""A reader of HDF5 files from strangers: each array is known to be plain data in the file itself before any of it is read.

It needs h5py and nothing of a pair, so that a process that can do nothing else can run it.
"""

from collections.abc import Mapping
from math import prod

import h5py

from w1bench.errors import SubmissionError

MAGIC = b"\x89HDF\r\n\x1a\n"
LARGEST_CHUNK = 8 << 20  # bytes: what must be unpacked at once
_DTYPES = {"<f2": h5py.h5t.IEEE_F16LE, "<f4": h5py.h5t.IEEE_F32LE, "<f8": h5py.h5t.IEEE_F64LE}
_NUMBERS = (h5py.h5t.FLOAT, h5py.h5t.INTEGER)
_LAYOUTS = (h5py.h5d.COMPACT, h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED)
_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
_LIBRARY_ERRORS = (KeyError, OSError, OverflowError, RuntimeError, TypeError, ValueError)


def members(file: h5py.File, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, h5py.Dataset]:
    """The data sets of an opened file that have a name in `shapes`; nothing else of it is looked at, only counted.

    Raises:
        SubmissionError: one is no plain data set, or has another shape or dtype, or the file holds more.
    """
    datasets = {name: member for name, shape in shapes.items() if (member := _member(file, name, shape)) is not None}
    try:
        others = len(file) - len(datasets)
    except _LIBRARY_ERRORS:
        raise SubmissionError("The file's members cannot be counted; write it again.") from None
    if others and not datasets:
        raise SubmissionError(
            f"The file holds {others} member{'s' if others > 1 else ''}, of which none is one of {', '.join(shapes)}; call your array by its name of these."
        )
    if others:
        raise SubmissionError(
            f"The file holds {others} member{'s' if others > 1 else ''} besides {', '.join(shapes)}; leave {'them' if others > 1 else 'it'} out."
        )
    return datasets


def check_dtype(name: str, dtype: str) -> None:
    """Raise a SubmissionError unless `dtype` is one that a submission's array may have."""
    if dtype not in _DTYPES:
        raise SubmissionError(f"`{name}` came as {dtype}; give little-endian float16, float32 or float64.")


def check_shape(name: str, shape: tuple[int, ...] | None, needed: tuple[int, ...]) -> None:
    """Raise a SubmissionError unless the shape is the one needed."""
    if shape != needed:
        raise SubmissionError(f"`{name}` came with shape {shape}; the pair needs {needed}.")


def _member(file: h5py.File, name: str, shape: tuple[int, ...]) -> h5py.Dataset | None:
    try:
        links, path = file.id.links, name.encode()
        if not links.exists(path):
            return None
        # The link is looked at, not followed, until it is known to stay in this very file.
        hard = links.get_info(path).type == h5py.h5l.TYPE_HARD  # pyright: ignore[reportAttributeAccessIssue]
        member = h5py.Dataset(h5py.h5d.open(file.id, path)) if hard else None
    except _LIBRARY_ERRORS:
        member = None
    try:
        if member is None or not _is_plain(member):
            raise SubmissionError(
                f"`{name}` is not a plain data set; store the array itself: no link, group, virtual or external data, no "
                f"filters but gzip, shuffle and fletcher32, no chunk above {LARGEST_CHUNK >> 20} MiB."
            )
        check_shape(name, member.shape, shape)
        check_dtype(name, _dtype(member))
    except _LIBRARY_ERRORS:
        raise SubmissionError(f"`{name}` cannot be opened; write the file again.") from None
    return member


def _dtype(dataset: h5py.Dataset) -> str:
    """The dtype in numpy's words; only plain numbers are translated, of anything else no more is looked at."""
    stored = dataset.id.get_type()
    dtype = next((dtype for dtype, kind in _DTYPES.items() if stored.equal(kind)), None)
    if dtype is None and stored.get_class() in _NUMBERS:
        return f"{dataset.dtype.str}, stored in its own way" if dataset.dtype.str in _DTYPES else dataset.dtype.str
    return dtype or "something other than floats"


def _is_plain(dataset: h5py.Dataset) -> bool:
    plan = dataset.id.get_create_plist()
    filters = {plan.get_filter(i)[0] for i in range(plan.get_nfilters())}
    chunk = prod(plan.get_chunk()) * dataset.id.get_type().get_size() if plan.get_layout() == h5py.h5d.CHUNKED else 0
    return (
        plan.get_layout() in _LAYOUTS
        and not plan.get_external_count()
        and filters <= _FILTERS
        and chunk <= LARGEST_CHUNK
    )
