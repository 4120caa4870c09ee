"""CIFAR-10 and CelebA in their official layouts, made small."""

from __future__ import annotations

import io
import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ROWS = 20


def batches() -> list[NDArray[np.uint8]]:
    return list(np.random.default_rng(0).integers(0, 256, (5, ROWS, 3072), dtype=np.uint8))


def write_binary(root: Path) -> Path:
    """The binary version's folder: records of a label and three planes."""
    folder = root / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    labels = np.random.default_rng(1).integers(0, 10, (ROWS, 1), dtype=np.uint8)
    for number, rows in enumerate(batches(), 1):
        (folder / f"data_batch_{number}.bin").write_bytes(np.hstack([labels, rows]).tobytes())
    (folder / "test_batch.bin").write_bytes(bytes(3073))
    (folder / "batches.meta.txt").write_text("airplane\n")
    return folder


def write_python(root: Path) -> Path:
    """The python version's folder: pickled dicts with byte keys."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for number, rows in enumerate(batches(), 1):
        batch = {b"batch_label": b"training", b"labels": [1] * ROWS, b"data": rows, b"filenames": [b"a.png"] * ROWS}
        (folder / f"data_batch_{number}").write_bytes(pickle.dumps(batch, protocol=2))
    return folder


def archive(folder: Path, name: str) -> Path:
    path = folder.parent / name
    with tarfile.open(path, "w:gz") as tar:
        tar.add(folder, folder.name)
    return path


def jpeg(seed: int, size: tuple[int, int] = (178, 218)) -> bytes:
    """A smooth picture as JPEG."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(content, "JPEG", quality=95)
    return content.getvalue()


def write_celeba(root: Path, count: int = 12) -> Path:
    """The official zip: img_align_celeba/000001.jpg and so on."""
    path = root / "img_align_celeba.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("img_align_celeba/", "")
        for number in range(1, count + 1):
            archive.writestr(f"img_align_celeba/{number:06d}.jpg", jpeg(number))
    return path
