"""Hostile uploads: files that would lead a naive reader to other files, to terabytes of memory, or to foreign code.

Each comes with what the service must answer: 422 and a word of the reason, or that it is a submission like any other.
"""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5p, h5s, h5t
from numpy.typing import NDArray

PLAIN, DTYPE, SHAPE = "plain data set", "little-endian float", "came with shape"
NEITHER, HEADER, DAMAGED, UNREAD = "neither", "sound .npy header", "truncated or damaged", "cannot be read"

_GIB = 1 << 30


@dataclass(frozen=True)
class Hostile:
    """A body, and what the refusal must say; None where the body is harmless once it is read with care."""

    name: str
    body: bytes
    reason: str | None


@dataclass(frozen=True)
class Canary:
    """Files beside the service that hold a valid gradient; nobody may open them."""

    folder: Path
    hdf5: Path
    raw: Path

    @classmethod
    def planted(cls, folder: Path, gradient: NDArray[Any]) -> Canary:
        folder.mkdir()
        canary = cls(folder, folder / "canary.h5", folder / "canary.raw")
        with h5py.File(canary.hdf5, "w") as file:
            file["gradient"] = gradient
        canary.raw.write_bytes(gradient.tobytes())
        return canary


def corpus(folder: Path, gradient: NDArray[Any], canary: Canary) -> Iterator[Hostile]:
    """All of them, written by way of `folder`; `gradient` is a valid one in float64."""
    path = folder / "hostile.h5"
    for name, (fill, reason) in _HDF5.items():
        with h5py.File(path, "w", libver="latest") as file:
            fill(file, gradient, canary)
        yield Hostile(name, path.read_bytes(), reason)
    for size in (512, 4096):
        with h5py.File(path, "w", userblock_size=size) as file:
            file["gradient"] = gradient
        yield Hostile(f"user block of {size}", path.read_bytes(), NEITHER)
        yield Hostile(
            f"user block of {size}, which looks like .npy", _npy(gradient)[:128] + path.read_bytes()[128:], "cut off"
        )
    with h5py.File(path, "w") as file:
        file["gradient"] = gradient
    whole = path.read_bytes()
    for part in (8, 64, len(whole) // 2, len(whole) - 1):
        yield Hostile(f"HDF5 cut off after {part} bytes", whole[:part], DAMAGED)
    yield from _npy_files(gradient, canary)


Fill = Callable[[h5py.File, NDArray[Any], Canary], Any]


def _external_link(file: h5py.File, gradient: NDArray[Any], canary: Canary) -> None:
    file["gradient"] = h5py.ExternalLink(str(canary.hdf5), "gradient")


def _external_storage(file: h5py.File, gradient: NDArray[Any], canary: Canary) -> None:
    external = [(str(canary.raw), 0, gradient.nbytes)]
    file.create_dataset("gradient", gradient.shape, gradient.dtype, external=external)


def _virtual(file: h5py.File, gradient: NDArray[Any], canary: Canary) -> None:
    layout = h5py.VirtualLayout(gradient.shape, gradient.dtype)
    layout[:] = h5py.VirtualSource(str(canary.hdf5), "gradient", gradient.shape)
    file.create_virtual_dataset("gradient", layout)


def _virtual_of_itself(file: h5py.File, gradient: NDArray[Any], canary: Canary) -> None:
    layout = h5py.VirtualLayout(gradient.shape, gradient.dtype)
    layout[:] = h5py.VirtualSource(".", "gradient", gradient.shape)
    file.create_virtual_dataset("gradient", layout)


def _soft_loop(file: h5py.File, gradient: NDArray[Any], canary: Canary) -> None:
    file["gradient"], file["transported"] = h5py.SoftLink("/transported"), h5py.SoftLink("/gradient")


def _soft_link(file: h5py.File, gradient: NDArray[Any], canary: Canary) -> None:
    file["elsewhere"], file["gradient"] = gradient, h5py.SoftLink("/elsewhere")


def _second(file: h5py.File, gradient: NDArray[Any], canary: Canary) -> None:
    file["gradient"], file["b"] = gradient, gradient[:1]


def _hard_cycle(file: h5py.File, gradient: NDArray[Any], canary: Canary) -> None:
    file.create_group("gradient")["gradient"] = file["/"]


def _cycle_beside(file: h5py.File, gradient: NDArray[Any], canary: Canary) -> None:
    file["gradient"], file["loop"] = gradient, file["/"]


def _terabytes(file: h5py.File, gradient: NDArray[Any], canary: Canary) -> None:
    file.create_dataset("gradient", (2 * 10**9, gradient.shape[1]), "f8", chunks=(1000, gradient.shape[1]))


def _bomb(file: h5py.File, gradient: NDArray[Any], canary: Canary) -> None:
    """Legal in shape, filters and chunks; the first chunk says it is 1 GiB when it is unpacked."""
    dataset = file.create_dataset("gradient", gradient.shape, "f8", chunks=(500, gradient.shape[1]), compression="gzip")
    packer = zlib.compressobj(1)
    packed = b"".join([*(packer.compress(bytes(1 << 24)) for _ in range(_GIB >> 24)), packer.flush()])
    dataset.id.write_direct_chunk((0, 0), packed)


def _large_chunk(size: int) -> Fill:
    def fill(file: h5py.File, gradient: NDArray[Any], canary: Canary) -> None:
        chunk = (size // 8 // gradient.shape[1], gradient.shape[1])
        dataset = file.create_dataset(
            "gradient", gradient.shape, "f8", chunks=chunk, maxshape=(None, None), compression="gzip"
        )
        dataset.id.write_direct_chunk((0, 0), zlib.compress(bytes(1 << 20)))

    return fill


def _of_dtype(make: Callable[[NDArray[Any]], NDArray[Any]], dtype: Any = None) -> Fill:
    return lambda file, gradient, canary: file.create_dataset("gradient", data=make(gradient), dtype=dtype)


def _odd_float(file: h5py.File, gradient: NDArray[Any], canary: Canary) -> None:
    kind = h5t.IEEE_F64LE.copy()
    kind.set_ebias(1000)
    h5d.create(file.id, b"gradient", kind, h5s.create_simple(gradient.shape))


def _unknown_filter(file: h5py.File, gradient: NDArray[Any], canary: Canary) -> None:
    plan = h5p.create(h5p.DATASET_CREATE)
    plan.set_chunk((100, gradient.shape[1]))
    plan.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, (1, 2, 3))  # a plugin: foreign code from a folder
    h5d.create(file.id, b"gradient", h5t.IEEE_F64LE, h5s.create_simple(gradient.shape), plan)


def _lzf(file: h5py.File, gradient: NDArray[Any], canary: Canary) -> None:
    file.create_dataset("gradient", data=gradient, compression="lzf")


def _without_shape(file: h5py.File, gradient: NDArray[Any], canary: Canary) -> None:
    file["gradient"] = h5py.Empty("f8")


def _large_attribute(file: h5py.File, gradient: NDArray[Any], canary: Canary) -> None:
    file["gradient"] = gradient.astype("f4")
    file["gradient"].attrs["large"] = np.zeros(20_000_000, "u1")


def _many_members(file: h5py.File, gradient: NDArray[Any], canary: Canary) -> None:
    file["gradient"] = gradient.astype("f4")
    for i in range(20_000):
        file[f"member{i}"] = h5py.SoftLink("/")


def _not_allocated(value: float) -> Fill:
    def fill(file: h5py.File, gradient: NDArray[Any], canary: Canary) -> None:
        file.create_dataset("gradient", gradient.shape, "f8", fillvalue=value)

    return fill


def _vlen(gradient: NDArray[Any]) -> NDArray[Any]:
    rows = np.empty(gradient.shape, object)
    rows[...] = [[np.zeros(1)] * gradient.shape[1]] * len(gradient)
    return rows[:10]


_COMPOUND = np.dtype([("a", "<f8"), ("b", "<f8")])
_HDF5: dict[str, tuple[Fill, str | None]] = {
    "external link": (_external_link, PLAIN),
    "external storage": (_external_storage, PLAIN),
    "virtual data set": (_virtual, PLAIN),
    "virtual data set of itself": (_virtual_of_itself, PLAIN),
    "soft link": (_soft_link, PLAIN),
    "group": (lambda f, g, c: f.create_group("gradient"), PLAIN),
    "no gradient": (lambda f, g, c: f.create_dataset("transported", data=g), "needs `gradient`"),
    "a second data set": (_second, "besides"),
    "soft-link loop": (_soft_loop, PLAIN),
    "hard-link cycle": (_hard_cycle, PLAIN),
    "hard-link cycle beside the gradient": (_cycle_beside, "besides"),
    "shape of 3.6 TiB": (_terabytes, SHAPE),
    "gzip bomb of 1 GiB": (_bomb, UNREAD),
    "chunk of 1 GiB": (_large_chunk(_GIB), PLAIN),
    "chunk of 3.6 GB": (_large_chunk(3_600_000_000), PLAIN),
    "objects": (_of_dtype(lambda g: np.array([[b"x"] * 2] * 9, object), h5py.string_dtype()), f"{SHAPE}|{DTYPE}"),
    "variable length": (_of_dtype(_vlen, h5py.vlen_dtype(np.dtype("f8"))), f"{SHAPE}|{DTYPE}"),
    "references": (lambda f, g, c: f.create_dataset("gradient", g.shape, h5py.ref_dtype), DTYPE),
    "compound": (_of_dtype(lambda g: np.zeros(g.shape, _COMPOUND)), DTYPE),
    "strings": (_of_dtype(lambda g: np.zeros(g.shape, "S8")), DTYPE),
    "strings of any length": (lambda f, g, c: f.create_dataset("gradient", g.shape, h5py.string_dtype()), DTYPE),
    "wrong endian": (_of_dtype(lambda g: g.astype(">f8")), DTYPE),
    "integers": (_of_dtype(lambda g: g.astype("<i8")), DTYPE),
    "float128": (_of_dtype(lambda g: g.astype(np.longdouble)), DTYPE),
    "complex": (_of_dtype(lambda g: g.astype("<c8")), DTYPE),
    "floats with a bias of their own": (_odd_float, DTYPE + "|cannot be opened"),
    "a plugin's filter": (_unknown_filter, PLAIN),
    "lzf": (_lzf, PLAIN),
    "no shape": (_without_shape, SHAPE),
    "never written, NaN": (_not_allocated(np.nan), r"\[0, 0\] is nan"),
    "never written, zero": (_not_allocated(0.0), None),
    "attribute of 20 MB": (_large_attribute, None),
    "20 000 members": (_many_members, "20000 members"),
}


def _npy_files(gradient: NDArray[Any], canary: Canary) -> Iterator[Hostile]:
    sound = _npy(gradient)
    rows, columns = gradient.shape
    for value in (np.nan, np.inf):
        bad = gradient.copy()
        bad[7, 1] = value
        yield Hostile(f".npy with {value}", _npy(bad), r"\[7, 1\]")
    yield Hostile(".npy, a row short", _npy(gradient[:-1]), SHAPE)
    yield Hostile(".npy, flat", _npy(gradient.ravel()), SHAPE)
    yield Hostile(".npy, integers", _npy(gradient.astype(np.int32)), DTYPE)
    yield Hostile(".npy, header alone", sound[:128], "cut off")
    yield Hostile("empty", b"", NEITHER)
    yield Hostile("text", b"gradient = 1", NEITHER)
    yield Hostile(".npy cut off", sound[:-1], "cut off")
    yield Hostile(".npy, half a header", sound[:40], HEADER)
    yield Hostile(".npy, magic alone", sound[:6], f"{HEADER}|{NEITHER}")
    yield Hostile(".npy of another version", sound[:6] + b"\x09\x00" + sound[8:], HEADER)
    yield Hostile(".npy, wrong endian", _npy(gradient.astype(">f8")), DTYPE)
    yield Hostile(".npy, float128", _npy(gradient.astype(np.longdouble)[: rows // 2]), DTYPE)
    yield Hostile(".npy, complex", _npy(gradient.astype("<c8")), DTYPE)
    yield Hostile(".npy, structured", _npy(np.zeros(gradient.shape, _COMPOUND)[: rows // 2]), HEADER)
    yield Hostile(".npy in Fortran order", _npy(np.asfortranarray(gradient)), "Fortran")
    yield Hostile("pickled object in .npy", _npy(np.array([_Opens(canary.raw)], object)), DTYPE)
    yield Hostile("pickle", pickle.dumps(_Opens(canary.raw)), NEITHER)
    for shape in (
        "(2305843009213693952, 8)",
        f"({2**62}, {2**62})",
        f"({2**63}, 0)",
        "(-1, 2)",
        f"({rows}, -2)",
        f"({rows},",
    ):
        reason = "takes|" + HEADER
        yield Hostile(
            f".npy of shape {shape}", _header(f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}"), reason
        )
    yield Hostile(
        ".npy of 37 GiB", _header("{'descr': '<f8', 'fortran_order': False, 'shape': (5000000000,), }"), "takes"
    )
    yield Hostile(
        ".npy with a header of 4 GiB", sound[:6] + b"\x02\x00" + struct.pack("<I", 2**32 - 1) + sound[10:], HEADER
    )
    padded = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({rows}, {columns}), }}".ljust(1_000_000)
    yield Hostile(".npy with a header of 1 MB", _header(padded, 2) + gradient.tobytes(), HEADER)
    for name, text in _HEADERS.items():
        yield Hostile(f".npy whose header is {name}", _header(text) + gradient.tobytes(), HEADER)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("gradient.npy", sound)
    yield Hostile("zip", archive.getvalue(), NEITHER)


_HEADERS = {
    "nested": "(" * 4000,
    "negated": "-" * 4000 + "1",
    "code": "__import__('os').system('true')",
    "digits": "{'descr': '<f8', 'fortran_order': False, 'shape': (" + "9" * 4000 + ",), }",
    "spaces": "{" + " " * 4000,
    "repeated": "{" + "'fortran_order': False, " * 160 + "}",
    "empty": "",
    "bytes": "".join(map(chr, range(256))),
}


class _Opens:
    """What opens the canary when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.path),)


def _npy(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def _header(text: str, version: int = 1) -> bytes:
    content = text.encode("latin-1")
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(content)) + content
