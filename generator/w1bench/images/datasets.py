"""Real pictures as distributions, pixels in [-1, 1]: patches of photographs, handwritten digits, CIFAR-10, CelebA."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from w1bench.errors import MissingExtraError, SourceError
from w1bench.images.celeba import celeba
from w1bench.images.cifar10 import cifar10_pixels
from w1bench.recipe import ImageSource

# Photographs that scikit-image carries, CC0 or public domain: https://scikit-image.org/docs/stable/api/skimage.data.html
PHOTOGRAPHS = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "hubble_deep_field.jpg",
    "retina.jpg",
    "rocket.jpg",
)
_PATCH_SIZE = 32
_CELEBA_CROP, _CELEBA_SIZE = 140, 64  # as the published CelebA pairs
_PICTURE_ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}


class Pictures(Protocol):
    """A distribution over pictures, (channels, height, width) with values in [-1, 1]."""

    @property
    def shape(self) -> tuple[int, int, int]: ...

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.float32]:
        """`count` independent pictures, (count, *shape)."""
        ...


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


@dataclass(frozen=True)
class PictureTable:
    """Uniform draws with replacement from stored pictures (n, channels, height, width) in [-1, 1]."""

    table: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, int, int]:
        channels, height, width = self.table.shape[1:]
        return (channels, height, width)

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.float32]:
        return self.table[rng.integers(len(self.table), size=count)]


def real_pictures(source: ImageSource) -> Pictures:
    """The pictures of a recipe's data set.

    Raises:
        SourceError: they are missing, truncated or mixed up; the sentence says what to download and where to put it.
        MissingExtraError: those that a library carries are not installed.
    """
    match source.dataset:
        case "photos":
            if source.root is None and source.sha256 is not None:
                raise SourceError(
                    f"The recipe's photographs are those with SHA-256 {source.sha256}, and it does not say where they lie; "
                    "give source.root."
                )
            return photograph_patches(source.root, source.size or _PATCH_SIZE)
        case "digits":
            return digits()
        case "cifar10":
            return PictureTable(centred(cifar10_pixels(_root(source))))
        case "celeba":
            return celeba(_root(source), crop=source.crop or _CELEBA_CROP, size=source.size or _CELEBA_SIZE)


def photograph_patches(root: str | None, size: int) -> Patches:
    """Patches of the pictures in folder `root`, or of the photographs that scikit-image carries.

    Raises:
        SourceError: the folder is missing or empty, or a picture is unreadable or smaller than a patch.
        MissingExtraError: no folder was given and scikit-image is not installed.
    """
    if root is None:
        folder = _folder_of("skimage", "scikit-image") / "data"
        paths = [folder / name for name in PHOTOGRAPHS]
    else:
        folder = Path(root)
        if not folder.is_dir():
            raise SourceError(
                f"The folder of photographs came as {folder}, which is none; give one that holds pictures."
            )
        paths = sorted(p for p in folder.glob("*") if p.suffix.lower() in _PICTURE_ENDINGS)
        if not paths:
            raise SourceError(
                f"Folder {folder} holds no pictures; put {', '.join(sorted(_PICTURE_ENDINGS))} files into it, "
                "or leave source.root out to use the photographs that scikit-image carries."
            )
    return Patches(_photographs(tuple(paths), size), size)


def digits() -> PictureTable:
    """The 1797 handwritten digits of scikit-learn as (1, 8, 8) pictures (Alpaydin and Kaynak, UCI, CC BY 4.0).

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    path = _folder_of("sklearn", "scikit-learn") / "datasets" / "data" / "digits.csv.gz"
    rows = np.loadtxt(path, delimiter=",", dtype=np.float32)
    return PictureTable((rows[:, :64] / np.float32(8) - np.float32(1)).reshape(-1, 1, 8, 8))


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


def _root(source: ImageSource) -> Path:
    if source.root is None:
        raise SourceError(
            f"source.root is missing; {source.dataset} must be downloaded: give the path of its archive or folder."
        )
    return Path(source.root)


def _folder_of(module: str, distribution: str) -> Path:
    """Where an installed package lies, without importing it."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            f"These pictures come with {distribution}, which is not installed; install w1bench with its extra `torch` (in a checkout: pip install '.[torch]')."
        )
    return Path(spec.origin).parent


def centred(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pixels 0..255 as -1..1."""
    return pixels.astype(np.float32) / np.float32(127.5) - np.float32(1)
