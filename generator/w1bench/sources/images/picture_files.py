"""Pictures as files: a grid in a PNG for people, or the array for programs."""

from __future__ import annotations

from math import ceil, sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from w1bench.errors import SourceError

_GAP = 2  # pixels between pictures
_SUFFIXES = (".png", ".npy")


def check_picture_path(path: Path) -> None:
    """Raise SourceError unless pictures can be written under this name."""
    if path.suffix not in _SUFFIXES:
        raise SourceError(f"Pictures came with the file name {path}; give one that ends in {' or '.join(_SUFFIXES)}.")


def write_pictures(path: Path, pictures: NDArray[np.float32]) -> None:
    """Pictures (n, channels, height, width) in [-1, 1] as a grid (.png), or as they are (.npy).

    Raises:
        SourceError: the file name ends in neither.
    """
    check_picture_path(path)
    if path.suffix == ".npy":
        np.save(path, pictures)
    else:
        Image.fromarray(grid(pictures).squeeze()).save(path)


def grid(pictures: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Pictures side by side in rows, white in empty places: (height, width, channels)."""
    count, channels, height, width = pictures.shape
    columns = ceil(sqrt(count))
    rows = ceil(count / columns)
    sheet = np.full((rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, channels), 255, np.uint8)
    for place, picture in enumerate(pictures):
        top, left = (place // columns) * (height + _GAP), (place % columns) * (width + _GAP)
        pixels = np.rint((np.clip(picture, -1, 1) + 1) * 127.5)
        sheet[top : top + height, left : left + width] = pixels.transpose(1, 2, 0)
    return sheet
