"""Product: u(x) = sum_i alpha_i u_i(x_i) over m blocks of coordinates, each with MinFunnels u_i of its own; alpha_i = 1/sqrt(m).

u is 1-Lipschitz by Cauchy-Schwarz, because sum alpha_i^2 = 1. From y, block i goes the way s alpha_i down its own ray towards its
centre a_i: x_i = y_i - s alpha_i grad u_i(y_i), so that ||y - x|| = s and u(y) - u(x) = sum_i alpha_i (s alpha_i) = s, as long
as no block passes its centre. With L_i = ||y_i - a_i||, s = (1 - t) min_i L_i / alpha_i stops at a fraction t of the way that the
first block has; along the ray all L_i / alpha_i grow alike, so that what is left of the way is t times what there was: strictly
monotone. N funnels a block make N^m sectors, which a minimum of cones would need N^m cones for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import sqrt

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from w1bench.arrays import F64, Array
from w1bench.errors import SourceError
from w1bench.sources.domains import Cube
from w1bench.transport.families.funnel.min_funnel import MinFunnel


@dataclass(frozen=True)
class SumOfFunnels:
    """u(x) = sum_i u_i(x_i) / sqrt(m), with the MinFunnels of the blocks in their order."""

    funnels: tuple[MinFunnel, ...]

    @cached_property
    def weight(self) -> float:
        return 1 / sqrt(len(self.funnels))

    @cached_property
    def centers(self) -> F64:
        """Those of all blocks, (m, N, d); blocks with fewer funnels than the most have far ones besides, which attain no minimum."""
        most, dim = max(funnel.count for funnel in self.funnels), self.funnels[0].dim
        centers = np.zeros((len(self.funnels), most, dim))
        for block, funnel in zip(centers, self.funnels, strict=True):
            block[: funnel.count] = funnel.center
        return centers

    @cached_property
    def offsets(self) -> F64:
        """Those of all blocks, (m, N), infinite where a block has no funnel."""
        offsets = np.full(self.centers.shape[:2], np.inf)
        for block, funnel in zip(offsets, self.funnels, strict=True):
            block[: funnel.count] = funnel.offset
        return offsets

    def blocks(self, points: ArrayLike) -> list[F64]:
        """The blocks of `points` (n, m d): m arrays (n, d)."""
        x = np.asarray(points, np.float64).reshape(-1, len(self.funnels), self.funnels[0].dim)
        return [np.ascontiguousarray(x[:, i]) for i in range(len(self.funnels))]

    def value(self, points: ArrayLike) -> F64:
        pairs = zip(self.funnels, self.blocks(points), strict=True)
        return self.weight * np.sum([funnel.value(block) for funnel, block in pairs], axis=0)


@dataclass(frozen=True)
class ProductMap:
    """The map down the rays of a sum of MinFunnels, to a fraction of the way that the first block has."""

    potential: SumOfFunnels
    fraction: float
    half_width: float

    @property
    def domain(self) -> Cube:
        return Cube(self.half_width)

    def move(
        self, target: Array, *, moved: Array | None = None, gradient: Array | None = None,
        potential: Array | None = None, single: bool = False,
    ) -> F64:  # fmt: skip
        """As `TransportMap.move`."""
        u, nothing = self.potential, np.empty((0, target.shape[1]))
        way, least = np.empty((2, len(target)))
        _move_rows(
            np.asarray(target, np.float64), u.centers, u.offsets, self.fraction, u.weight, way, least, nothing if moved is None else moved,
            nothing if gradient is None else gradient,
        )  # fmt: skip
        if not way.all():
            raise SourceError(
                f"A block of target {int(np.argmin(way))} is a centre itself, where no ray passes; "
                "draw targets from a continuous distribution."
            )
        if potential is not None:
            potential[:] = way - least
        return way

    def exact_w1(self) -> float | None:
        return None


@njit(nogil=True, cache=True)
def _move_rows(
    y: F64, centers: F64, offsets: F64, fraction: float, weight: float, way: F64, least: F64, moved: Array, gradient: Array
) -> None:  # fmt: skip
    """The way s of rows y (B, m d) and u(y), and x and grad f* where `moved`, `gradient` have rows. Blocks have few funnels in few
    dimensions, so that their distances are taken by differences, without a matrix product."""
    blocks, count, dim = centers.shape
    nearest, length = np.empty(blocks, np.int64), np.empty(blocks)
    for i in range(y.shape[0]):
        total, shortest = 0.0, np.inf
        for b in range(blocks):
            value = np.inf
            for n in range(count):
                square = 0.0
                for d in range(dim):
                    step = y[i, b * dim + d] - centers[b, n, d]
                    square += step * step
                distance = np.sqrt(square)
                if distance + offsets[b, n] < value:
                    value, nearest[b], length[b] = distance + offsets[b, n], n, distance
            total += value
            shortest = min(shortest, length[b])
        least[i], way[i] = weight * total, (1.0 - fraction) / weight * shortest
        if shortest == 0.0:
            continue
        for b in range(blocks):
            slope = -weight / length[b]
            for d in range(dim):
                step = slope * (y[i, b * dim + d] - centers[b, nearest[b], d])  # grad f* of the block
                if moved.shape[0]:
                    moved[i, b * dim + d] = y[i, b * dim + d] + way[i] * step
                if gradient.shape[0]:
                    gradient[i, b * dim + d] = step
