"""CelebA in its official layout: the folder img_align_celeba of 178 x 218 JPEG pictures, or its zip.

Liu, Luo, Wang, Tang, "Deep learning face attributes in the wild", ICCV 2015: https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from w1bench.errors import SourceError

WIDTH, HEIGHT = 178, 218
_HELP = (
    "download img_align_celeba.zip (Align&Cropped Images) from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html and give "
    "source.root the path of that zip, or of the folder that it unpacks to"
)


@dataclass(frozen=True)
class CelebA:
    """Uniform draws with replacement: the centre `crop` x `crop` of a picture, resized to `size`; decoded when drawn."""

    names: tuple[str, ...]
    read: Callable[[str], bytes]
    crop: int
    size: int

    @property
    def shape(self) -> tuple[int, int, int]:
        return (3, self.size, self.size)

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.float32]:
        """`count` independent pictures, (count, 3, size, size) in [-1, 1]; raises SourceError at an unreadable one."""
        return self.read_all([self.names[i] for i in rng.integers(len(self.names), size=count)])

    def read_all(self, names: Sequence[str]) -> NDArray[np.float32]:
        """The pictures of these names, (n, 3, size, size) in [-1, 1]; raises as `draw`."""
        pixels = np.stack([self._picture(name) for name in names])
        return pixels.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(127.5) - np.float32(1)

    def _picture(self, name: str) -> NDArray[np.uint8]:
        try:
            with Image.open(io.BytesIO(self.read(name))) as picture:
                if picture.size != (WIDTH, HEIGHT):
                    raise SourceError(
                        f"{name} is {picture.width} x {picture.height}; CelebA's are {WIDTH} x {HEIGHT}: {_HELP}."
                    )
                left, top = (WIDTH - self.crop) // 2, (HEIGHT - self.crop) // 2
                box = (left, top, left + self.crop, top + self.crop)
                centre = picture.convert("RGB").crop(box)
                return np.asarray(centre.resize((self.size, self.size), Image.Resampling.BILINEAR))
        except (OSError, UnidentifiedImageError, zipfile.BadZipFile) as error:
            raise SourceError(f"{name} cannot be decoded ({error}); {_HELP}.") from None


def celeba(root: Path, *, crop: int, size: int) -> CelebA:
    """The pictures of the zip or folder at `root`.

    Raises:
        SourceError: there are no pictures, or the zip is damaged; the sentence says what to download.
    """
    if root.is_file():
        try:
            archive = zipfile.ZipFile(root)
        except (zipfile.BadZipFile, OSError) as error:
            raise SourceError(f"{root} is not a whole zip ({error}); {_HELP}.") from None
        return _pictures(root, sorted(n for n in archive.namelist() if n.endswith(".jpg")), archive.read, crop, size)
    folder = root / "img_align_celeba" if (root / "img_align_celeba").is_dir() else root
    zipped = root / "img_align_celeba.zip"
    names = sorted(path.name for path in folder.glob("*.jpg")) if folder.is_dir() else []
    if not names and zipped.is_file():
        return celeba(zipped, crop=crop, size=size)
    return _pictures(root, names, lambda name: (folder / name).read_bytes(), crop, size)


def _pictures(root: Path, names: list[str], read: Callable[[str], bytes], crop: int, size: int) -> CelebA:
    if not names:
        raise SourceError(f"{root} holds no .jpg pictures; {_HELP}.")
    if not size <= crop <= WIDTH:
        raise SourceError(f"source.crop came as {crop} for pictures of size {size}; give one from {size} to {WIDTH}.")
    return CelebA(tuple(names), read, crop, size)
