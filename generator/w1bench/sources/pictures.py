"""Distributions over pictures, and the noise that makes them absolutely continuous."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from w1bench.arrays import Array
from w1bench.errors import SourceError
from w1bench.sources.domains import Cube, Domain
from w1bench.sources.source import Source


class Pictures(Protocol):
    """A distribution over pictures, (channels, height, width) with values in [-1, 1]."""

    @property
    def shape(self) -> tuple[int, int, int]: ...

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.float32]:
        """`count` independent pictures, (count, *shape)."""
        ...


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


def centred(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pixels 0..255 as -1..1."""
    return pixels.astype(np.float32) / np.float32(127.5) - np.float32(1)


_ROUNDS = 64  # of redrawing, after which the source does not fit its cube


@dataclass(frozen=True)
class NoisyPictures:
    """Pictures plus N(0, noise^2) on every pixel; a point that falls outside the cube is redrawn whole."""

    pictures: Pictures
    noise: float
    half_width: float
    others: Pictures | None = None  # that training draws where `pictures` are held out for tests
    dtype = np.dtype(np.float32)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.pictures.shape

    @property
    def domain(self) -> Domain:
        return Cube(self.half_width)

    def draw(self, rng: np.random.Generator, count: int) -> Array:
        """As `Source.draw`.

        Raises:
            SourceError: points keep falling outside the cube.
        """
        out = np.empty((count, *self.shape), self.dtype)
        missing = np.arange(count)
        for _ in range(_ROUNDS):
            noise = rng.standard_normal((len(missing), *self.shape), dtype=np.float32)
            out[missing] = self.pictures.draw(rng, len(missing)) + np.float32(self.noise) * noise
            missing = missing[np.abs(out[missing]).reshape(len(missing), -1).max(axis=1) > self.half_width]
            if not len(missing):
                return out
        raise SourceError(
            f"{len(missing)} of {count} pictures with noise {self.noise} still fall outside the cube of half width "
            f"{self.half_width} after {_ROUNDS} draws; give a larger half_width (1 + 20 noise is ample) or less noise."
        )


def for_training(source: Source) -> Source:
    """What train.h5, fresh draws and funnels are drawn from: `source` itself, but for pictures that are held out the others."""
    if isinstance(source, NoisyPictures) and source.others:
        return replace(source, pictures=source.others, others=None)
    return source
