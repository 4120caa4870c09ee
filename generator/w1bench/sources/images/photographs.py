"""Patches of photographs as a distribution over pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from w1bench.errors import SourceError
from w1bench.sources.images.package_data import folder_of
from w1bench.sources.pictures import centred

# Photographs that scikit-image carries, CC0 or public domain: https://scikit-image.org/docs/stable/api/skimage.data.html
PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "hubble_deep_field.jpg", "retina.jpg", "rocket.jpg")
CELEBA_CROP, CELEBA_SIZE = 140, 64  # as the published CelebA pairs
_PICTURE_ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}


@dataclass(frozen=True)
class Patches:
    """Square patches of `size` pixels at uniform positions over all positions in `photographs` (height, width, 3)."""

    photographs: Sequence[NDArray[np.uint8]]
    size: int

    @property
    def shape(self) -> tuple[int, int, int]:
        return (3, self.size, self.size)

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.float32]:
        rooms = [(p.shape[0] - self.size + 1, p.shape[1] - self.size + 1) for p in self.photographs]
        ends = np.cumsum([rows * columns for rows, columns in rooms])
        out = np.empty((count, *self.shape), np.uint8)
        for i, position in enumerate(rng.integers(ends[-1], size=count)):
            which = int(np.searchsorted(ends, position, side="right"))
            row, column = divmod(int(ends[which] - 1 - position), rooms[which][1])
            patch = self.photographs[which][row : row + self.size, column : column + self.size]
            out[i] = patch.transpose(2, 0, 1)
        return centred(out)


def photograph_patches(root: str | None, size: int) -> Patches:
    """Patches of the pictures in folder `root`, or of the photographs that scikit-image carries.

    Raises:
        SourceError: the folder is missing or empty, or a picture is unreadable or smaller than a patch.
        MissingExtraError: no folder was given and scikit-image is not installed.
    """
    if root is None:
        folder = folder_of("skimage", "scikit-image") / "data"
        paths = [folder / name for name in PHOTOGRAPHS]
    else:
        folder = Path(root)
        if not folder.is_dir():
            raise SourceError(
                f"The folder of photographs came as {folder}, which is not a folder; give one that holds pictures."
            )
        paths = sorted(p for p in folder.glob("*") if p.suffix.lower() in _PICTURE_ENDINGS)
        if not paths:
            raise SourceError(
                f"Folder {folder} holds no pictures; put {', '.join(sorted(_PICTURE_ENDINGS))} files into it, "
                "or leave source.root out to use the photographs that scikit-image carries."
            )
    return Patches(_photographs(tuple(paths), size), size)


@cache
def _photographs(paths: tuple[Path, ...], size: int) -> tuple[NDArray[np.uint8], ...]:
    return tuple(_photograph(path, size) for path in paths)


def _photograph(path: Path, size: int) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
    except (OSError, UnidentifiedImageError) as error:
        raise SourceError(f"Picture {path} cannot be read ({error}); replace or remove it.") from None
    if min(pixels.shape[:2]) < size:
        raise SourceError(f"Picture {path} is {pixels.shape[1]} x {pixels.shape[0]}; a patch needs {size} x {size}.")
    return pixels
