"""CIFAR-10 in its official layouts: the binary batches, the python batches, or the archive of either.

Krizhevsky, "Learning multiple layers of features from tiny images", 2009: https://www.cs.toronto.edu/~kriz/cifar.html
"""

from __future__ import annotations

import io
import pickle
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w1bench.errors import SourceError

_RECORD = 1 + 3 * 32 * 32  # a label, then the red, green and blue planes
_PREFIX = "data_batch_"
_BATCHES = 5
_HELP = (
    "download cifar-10-binary.tar.gz or cifar-10-python.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html and give "
    "source.root the path of that archive, or of the folder that it unpacks to"
)
# All that a pickled array is made of; nothing else may be named in a batch.
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


def cifar10_pixels(root: Path) -> NDArray[np.uint8]:
    """The training pictures under `root`, (n, 3, 32, 32).

    Raises:
        SourceError: a batch is missing, truncated or not what its name says; the sentence says what to download.
    """
    batches = dict(_archived(root) if root.is_file() else _unpacked(root))
    if not batches:
        raise SourceError(f"{root} holds no CIFAR-10 batches; {_HELP}.")
    missing = [
        number
        for number in range(1, _BATCHES + 1)
        if not {f"{_PREFIX}{number}", f"{_PREFIX}{number}.bin"} & set(batches)
    ]
    if missing:
        raise SourceError(f"{root} has no {_PREFIX}{missing[0]} (it has {', '.join(sorted(batches))}); {_HELP}.")
    return np.concatenate([_pixels(name, batches[name], root) for name in sorted(batches)])


def _archived(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = Path(member.name).name
                if member.isfile() and name.startswith(_PREFIX):
                    content = archive.extractfile(member)
                    assert content is not None
                    yield name, content.read()
    except (tarfile.TarError, EOFError, OSError):
        raise SourceError(f"{path} is not a tar archive, or it is truncated; {_HELP}.") from None


def _unpacked(root: Path) -> Iterator[tuple[str, bytes]]:
    """The batches in `root` or the folder below it; else those of an archive in `root`."""
    for folder in (root, root / "cifar-10-batches-bin", root / "cifar-10-batches-py"):
        paths = sorted(folder.glob(f"{_PREFIX}*")) if folder.is_dir() else []
        if paths:
            yield from ((path.name, path.read_bytes()) for path in paths)
            return
    for name in ("cifar-10-binary.tar.gz", "cifar-10-python.tar.gz"):
        if (root / name).is_file():
            yield from _archived(root / name)
            return


def _pixels(name: str, content: bytes, root: Path) -> NDArray[np.uint8]:
    rows = _binary(name, content, root) if name.endswith(".bin") else _python(name, content, root)
    return rows.reshape(-1, 3, 32, 32)


def _binary(name: str, content: bytes, root: Path) -> NDArray[np.uint8]:
    if not content or len(content) % _RECORD:
        raise SourceError(
            f"{name} in {root} has {len(content)} bytes, which is not a whole number of {_RECORD}-byte records; it is truncated: "
            f"{_HELP}."
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, _RECORD)
    if records[:, 0].max() > 9:
        raise SourceError(f"{name} in {root} has the label {records[:, 0].max()}; CIFAR-10's are 0 to 9: {_HELP}.")
    return records[:, 1:]


def _python(name: str, content: bytes, root: Path) -> NDArray[np.uint8]:
    try:
        batch: Any = _ArraysOnly(io.BytesIO(content), encoding="bytes").load()
        rows: Any = batch[b"data"] if b"data" in batch else batch["data"]
    except Exception as error:  # noqa: BLE001 - a damaged pickle may raise anything
        raise SourceError(f"{name} in {root} is not a CIFAR-10 batch ({error}); {_HELP}.") from None
    if not (
        isinstance(rows, np.ndarray) and rows.dtype == np.uint8 and rows.ndim == 2 and rows.shape[1] == _RECORD - 1
    ):
        raise SourceError(f"{name} in {root} holds no uint8 array (n, {_RECORD - 1}) under `data`; {_HELP}.")
    return rows


class _ArraysOnly(pickle.Unpickler):
    """An unpickler of dicts, lists, strings, numbers and arrays alone."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)
