"""The jailed process: told one HDF5 file by descriptor, it says where the arrays are, and ends.

It unpacks into a second descriptor what does not lie in the file as it is in memory. By then it is confined, can open nothing
more, and its memory, processor time and the size of what it writes are bounded; whatever happens to it is the file's fault.
"""

import errno
import io
import json
import os
import resource
import socket
from collections.abc import Callable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np

from w1bench.errors import SubmissionError
from w1bench.scoring.submission_hdf5 import members
from w1bench_server.sandbox.confinement import LAYERS, Account, confine

MESSAGE_BYTES = 1 << 16
_BAND_BYTES = 32 << 20  # unpacked at a time: whole chunks
_TALL_BAND_BYTES = 256 << 20  # where chunks are so tall that each would be unpacked again and again
_WORK_BYTES = 48 << 20  # what the library needs beside a band, for chunks of the largest size
Reader = Callable[[int, int, Mapping[str, tuple[int, ...]], int], dict[str, Any]]


def main(account: Account | None, layers: Sequence[str] = LAYERS, read: Reader | None = None) -> None:
    """Read the upload that arrives on standard input, a socket; end without one when the other side is gone.

    When it waits for the upload it says so in a line: which of `layers` confine it, with commas. `read` is what is done with
    the upload; by default, its arrays are found.
    """
    channel = socket.socket(fileno=0)
    _rehearse()
    taken = _memory()
    channel.sendall(f"{','.join(confine(account, layers))}\n".encode())
    message, descriptors, _, _ = socket.recv_fds(channel, MESSAGE_BYTES, 2)
    if not message:
        return
    task = json.loads(message)
    upload, copy = descriptors
    _limit(task["limits"])
    shapes = {name: tuple(shape) for name, shape in task["shapes"].items()}
    channel.sendall(json.dumps((read or _answer)(upload, copy, shapes, taken)).encode())
    os._exit(0)  # no destructor of a library's sees the file again


def _limit(limits: Mapping[str, int]) -> None:
    """From here on no descriptor or process can be made, so that no link, storage or plugin leads to another file."""
    for kind, most in (
        (resource.RLIMIT_NOFILE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, limits["memory"]),
        (resource.RLIMIT_CPU, limits["cpu_seconds"]),
        (resource.RLIMIT_FSIZE, limits["copy_bytes"]),
    ):
        _lower(kind, most)


def _lower(kind: int, most: int) -> None:
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


def _memory() -> int:
    """Bytes that this process addresses."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _answer(upload: int, copy: int, shapes: Mapping[str, tuple[int, ...]], taken: int) -> dict[str, Any]:
    """What became of the upload; `taken` bytes of memory are the process's own."""
    try:
        with os.fdopen(upload, "rb") as stream, _opened(stream) as file:
            arrays = members(file, shapes)
            # What they are is known, so that a chunk which unpacks to more than it says can be told by its size.
            _lower(resource.RLIMIT_AS, taken + _WORK_BYTES + max(map(_band, arrays.values()), default=0))
            return {"arrays": _places(arrays, os.fstat(upload).st_size, copy)}
    except SubmissionError as error:
        return {"refusal": str(error)}
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return {"disk_full": True}
        return {"refusal": "An array cannot be read, it is damaged or takes too much memory to unpack; write it again."}
    except MemoryError:
        return {"refusal": "The file takes more memory to read than is given to one; write it without compression."}
    except Exception as error:  # noqa: BLE001 - a hostile file may make a library raise anything
        return {"refusal": f"The file cannot be read ({type(error).__name__}); write it again with h5py."}


def _opened(stream: BinaryIO) -> h5py.File:
    try:
        return h5py.File(stream, "r")
    except OSError:
        raise SubmissionError("The file is truncated or damaged HDF5; write it again.") from None


def _places(arrays: Mapping[str, h5py.Dataset], size: int, copy: int) -> dict[str, Any]:
    """Where the bytes of each array begin: in the upload itself, of `size` bytes, or in the copy."""
    places: dict[str, Any] = {}
    end = 0
    for name, array in arrays.items():
        offset, length = _offset(array), array.dtype.itemsize * prod(array.shape)
        if offset is not None and offset + length <= size:
            places[name] = {"dtype": array.dtype.str, "copied": False, "offset": offset}
        else:
            places[name] = {"dtype": array.dtype.str, "copied": True, "offset": end}
            end = _copy(array, copy, end)
    return places


def _offset(array: h5py.Dataset) -> int | None:
    """Where the file holds the array just as memory would; None where it does not."""
    plain = array.id.get_create_plist().get_layout() == h5py.h5d.CONTIGUOUS
    return array.id.get_offset() if plain else None


def _band(array: h5py.Dataset) -> int:
    """Bytes of rows to unpack at a time."""
    row = array.dtype.itemsize * prod(array.shape[1:])
    chunks = row * min(array.chunks[0], array.shape[0]) if array.chunks else 0
    return max(_BAND_BYTES, min(chunks, _TALL_BAND_BYTES))


def _copy(array: h5py.Dataset, copy: int, start: int) -> int:
    """Unpack an array to `start`; returns its end."""
    step = max(1, _band(array) // (array.dtype.itemsize * prod(array.shape[1:])))
    if array.chunks and array.chunks[0] < step:
        step -= step % array.chunks[0]  # whole chunks: each is unpacked once
    for first in range(0, array.shape[0], step):
        start = _write(copy, memoryview(array[first : first + step]).cast("B"), start)  # one band at a time is held
    return start


def _write(copy: int, left: memoryview, start: int) -> int:
    while left:
        written = os.pwrite(copy, left, start)
        start, left = start + written, left[written:]
    return start


def _rehearse() -> None:
    """Do it all once with a file in memory, so that nothing is left to be loaded when nothing can be opened."""
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        zero = np.zeros((2, 2), "<f4")
        file.create_dataset("a", data=zero, chunks=(1, 2), compression="gzip", shuffle=True, fletcher32=True)
    with h5py.File(stream, "r") as file:
        array = members(file, {"a": (2, 2)})["a"]
        memoryview(array[0:1]).cast("B")
        _offset(array)
