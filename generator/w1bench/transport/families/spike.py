"""Spiked: a pair of low dimension k inside R^D: u(x) = u~(A x), A (k, D) with orthonormal rows drawn from the seed.

u is 1-Lipschitz because ||A|| = 1. Targets are y = A^T c + w, c from the core's Q and w normal noise in the complement of the rows of A;
x = A^T T~(c) + w moves c alone, so that ||y - x|| = ||c - T~(c)|| and u(y) - u(x) is the core's: W1 and the plan are those of the
core, and grad f*(x) = A^T grad f~*(A x). The spiked transport model of Niles-Weed and Rigollet (Bernoulli 2022, arXiv 1909.07513): a
critic must find the subspace.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike

from w1bench.arrays import F64, Array
from w1bench.sources.domains import Ball, Cube
from w1bench.sources.source import Source
from w1bench.transport.potential import Potential, TransportMap

_REACH = 10.0  # standard deviations that no noise comes to: one draw in 10^23


@dataclass(frozen=True)
class SpikedSource:
    """Draws of the core's source in the span of the rows of `frame` (k, D), with normal noise in its complement."""

    core: Source
    frame: F64
    nuisance_std: float
    dtype = np.dtype(np.float64)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.frame.shape[1],)

    @property
    def domain(self) -> Cube:
        return spiked_domain(self.core.domain, len(self.frame), self.nuisance_std)

    def draw(self, rng: np.random.Generator, count: int) -> F64:
        core = self.core.draw(rng, count)
        noise = rng.standard_normal((count, self.frame.shape[1])) * self.nuisance_std
        noise += (core - noise @ self.frame.T) @ self.frame
        return noise


@dataclass(frozen=True)
class SpikedPotential:
    """u(x) = u~(A x)."""

    core: Potential
    frame: F64

    def value(self, points: ArrayLike) -> F64:
        return self.core.value(np.asarray(points, np.float64) @ self.frame.T)


@dataclass(frozen=True)
class SpikedMap:
    """The core's map on the coordinates A y, and the identity on all others."""

    core: TransportMap
    frame: F64
    nuisance_std: float

    @property
    def potential(self) -> SpikedPotential:
        return SpikedPotential(self.core.potential, self.frame)

    @property
    def domain(self) -> Cube:
        return spiked_domain(self.core.domain, len(self.frame), self.nuisance_std)

    def move(
        self, target: Array, *, moved: Array | None = None, gradient: Array | None = None,
        potential: Array | None = None, single: bool = False,
    ) -> F64:  # fmt: skip
        """As `TransportMap.move`."""
        core = np.asarray(target, np.float64) @ self.frame.T
        image = None if moved is None else np.empty_like(core)
        slope = None if gradient is None else np.empty_like(core)
        cost = self.core.move(core, moved=image, gradient=slope, potential=potential, single=single)
        if moved is not None and image is not None:
            np.add(target, (image - core) @ self.frame, out=moved, casting="same_kind")
        if gradient is not None and slope is not None:
            gradient[:] = slope @ self.frame
        return cost

    def exact_w1(self) -> float | None:
        return self.core.exact_w1()


def spiked_domain(core: Cube | Ball, rank: int, nuisance_std: float) -> Cube:
    """A cube that holds every draw: a coordinate has at most the core's norm, and `_REACH` standard deviations of noise."""
    norm = core.radius if isinstance(core, Ball) else core.half_width * sqrt(rank)
    return Cube(norm + _REACH * nuisance_std)
