"""The uniform distributions on a cube and on a ball."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from w1bench.arrays import F64
from w1bench.sources.domains import Ball, Cube, Domain
from w1bench.sources.source import Source


@dataclass(frozen=True)
class UniformCube:
    """Uniform on [-half_width, half_width]^D."""

    dim: int
    half_width: float
    dtype = np.dtype(np.float64)

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
class Blocks:
    """`count` independent draws of a source of vectors, side by side."""

    source: Source
    count: int
    dtype = np.dtype(np.float64)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.count * self.source.shape[0],)

    @property
    def domain(self) -> Domain:
        """A cube that holds them."""
        domain = self.source.domain
        return Cube(domain.radius) if isinstance(domain, Ball) else domain

    def draw(self, rng: np.random.Generator, count: int) -> F64:
        return np.asarray(self.source.draw(rng, count * self.count), np.float64).reshape(count, -1)
