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
        u, blocks = self.potential, self.potential.blocks(target)
        nearest = [funnel.nearest(block) for funnel, block in zip(u.funnels, blocks, strict=True)]
        lengths = np.stack([length for _, length in nearest])  # L_i, (m, n)
        way = (1 - self.fraction) / u.weight * lengths.min(axis=0)
        if not way.all():
            raise SourceError(
                f"A block of target {int(np.argmin(way))} is a centre itself, where no ray passes; "
                "draw targets from a continuous distribution."
            )
        if potential is not None:
            offsets = np.stack([funnel.offset[index] for funnel, (index, _) in zip(u.funnels, nearest, strict=True)])
            potential[:] = -u.weight * (offsets + lengths - u.weight * way).sum(axis=0)
        if moved is not None or gradient is not None:
            shape = (len(target), len(blocks), -1)
            for i, (funnel, block, (index, length)) in enumerate(zip(u.funnels, blocks, nearest, strict=True)):
                step = (block - funnel.center[index]) * (-u.weight / length)[:, None]  # grad f* of the block
                if moved is not None:
                    moved.reshape(shape)[:, i] = block + way[:, None] * step
                if gradient is not None:
                    gradient.reshape(shape)[:, i] = step
        return way

    def exact_w1(self) -> float | None:
        return None
