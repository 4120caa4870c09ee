"""Source: the distribution Q that targets are drawn from, and the domain its rays end in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from w1bench.errors import SourceError
from w1bench.images.datasets import Pictures
from w1bench.rays import Ball, Cube, Domain
from w1bench.sample import F64, Array

_ROUNDS = 64  # of redrawing before a source is said not to fit its cube


class Source(Protocol):
    """A distribution inside a domain, absolutely continuous with respect to Lebesgue measure."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one point: (D,) or (channels, height, width)."""
        ...

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """What points are stored in; draws are rounded to it before any truth is computed."""
        ...

    @property
    def domain(self) -> Domain: ...

    @property
    def uniform(self) -> bool:
        """Whether t = s/S has the Beta(D, 1) law on every ray, as for the uniform law on a convex domain."""
        ...

    def draw(self, rng: np.random.Generator, count: int) -> Array:
        """`count` independent points, (count, *shape), rounded to `dtype`."""
        ...


@dataclass(frozen=True)
class UniformCube:
    """Uniform on [-half_width, half_width]^D."""

    dim: int
    half_width: float
    dtype = np.dtype(np.float64)
    uniform = True

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.dim,)

    @property
    def domain(self) -> Domain:
        return Cube(self.half_width)

    def draw(self, rng: np.random.Generator, count: int) -> F64:
        x = rng.random((count, self.dim))
        x *= 2 * self.half_width
        x -= self.half_width
        return x


@dataclass(frozen=True)
class UniformBall:
    """Uniform on {||x|| <= radius}: a normal direction, and a radius whose D-th power is uniform."""

    dim: int
    radius: float
    dtype = np.dtype(np.float64)
    uniform = True

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.dim,)

    @property
    def domain(self) -> Domain:
        return Ball(self.radius)

    def draw(self, rng: np.random.Generator, count: int) -> F64:
        x = rng.standard_normal((count, self.dim))
        length = self.radius * rng.random((count, 1)) ** (1 / self.dim)
        return x * (length / np.linalg.norm(x, axis=1, keepdims=True))


@dataclass(frozen=True)
class NoisyPictures:
    """Pictures plus N(0, noise^2) on every pixel; a point that falls outside the cube is redrawn whole."""

    pictures: Pictures
    noise: float
    half_width: float
    dtype = np.dtype(np.float32)
    uniform = False

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
