"""MinFunnel: u(x) = min_n (||x - a_n|| + b_n), a 1-Lipschitz function whose transport rays are known.

Korotin, Kolesov, Burnaev, "Kantorovich Strikes Back! Wasserstein GANs are not Optimal Transport?", NeurIPS 2022,
definition 4.1. Evaluation takes one matrix product to find the candidates and direct differences to decide among them, so
that values are accurate to float64 rounding also next to a centre and next to the border of two funnels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from w1bench.arrays import F64
from w1bench.errors import FunnelError
from w1bench.rng import tile_rows
from w1bench.transport.families.funnel.kernels import nearest_rows


@dataclass(frozen=True)
class MinFunnel:
    """Centres (N, D) and offsets (N,) in float64, none dominated; `dominated` counts those that were dropped."""

    center: F64
    offset: F64
    dominated: int = 0

    @property
    def count(self) -> int:
        return len(self.offset)

    @property
    def dim(self) -> int:
        return self.center.shape[1]

    @cached_property
    def square_norm(self) -> F64:
        """||a_n||^2, (N,)."""
        return np.einsum("nd,nd->n", self.center, self.center)

    @cached_property
    def square_distance(self) -> F64:
        """||a_n - a_m||^2 from exact differences, (N, N)."""
        return _square_distances(self.center)

    def nearest(self, points: ArrayLike) -> tuple[NDArray[np.int64], F64]:
        """The funnel n that attains the minimum at each of `points` (n, D), and the distance ||x - a_n||: two (n,)."""
        x = _rows(points, self.dim)
        index = np.empty(len(x), np.int64)
        distance = np.empty(len(x))
        for start in range(0, len(x), tile_rows(self.dim)):
            rows = slice(start, start + tile_rows(self.dim))
            nearest_rows(
                x[rows],
                x[rows] @ self.center.T,
                self.center,
                self.offset,
                self.square_norm,
                index[rows],
                distance[rows],
            )
        return index, distance

    def value(self, points: ArrayLike) -> F64:
        """u at each of `points` (n, D): (n,)."""
        index, distance = self.nearest(points)
        return distance + self.offset[index]


def min_funnel(center: ArrayLike, offset: ArrayLike) -> MinFunnel:
    """A MinFunnel from centres (N, D) and offsets (N,), without the dominated ones.

    Funnel n is dominated when b_n >= b_m + ||a_n - a_m|| for some m != n: it is then nowhere the minimum.

    Raises:
        FunnelError: wrong shapes, a value that is not finite, or funnels that all dominate one another (duplicates).
    """
    a, b = np.array(center, np.float64, order="C"), np.array(offset, np.float64)
    if a.ndim != 2 or b.shape != a.shape[:1] or a.size == 0:
        raise FunnelError(
            f"Funnels came with centres of shape {a.shape} and offsets of shape {b.shape}; "
            "give (N, D) centres and (N,) offsets with N and D at least 1."
        )
    for name, values in (("centre", a), ("offset", b)):
        if not np.isfinite(values).all():
            first = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
            raise FunnelError(f"The funnel {name} at index {first} is {values[first]}; give finite numbers only.")
    gap = b[:, None] - b[None, :] - np.sqrt(_square_distances(a))  # (N, N): >= 0 where m dominates n
    np.fill_diagonal(gap, -np.inf)
    mutual = np.argwhere((gap >= 0) & (gap.T >= 0))
    if len(mutual):
        n, m = (int(i) for i in mutual[0])
        raise FunnelError(
            f"Funnels {n} and {m} are the same to rounding, so each dominates the other and neither would be left; "
            "give every funnel its own centre, and keep at least one that is somewhere the minimum."
        )
    kept = ~(gap >= 0).any(axis=1)
    return MinFunnel(a[kept], b[kept], dominated=int((~kept).sum()))


def _square_distances(a: F64) -> F64:
    """||a_n - a_m||^2, (N, N), by differences, one row at a time."""
    return np.stack([np.einsum("nd,nd->n", a - row, a - row) for row in a])


def _rows(points: ArrayLike, dim: int) -> F64:
    x = np.ascontiguousarray(points, np.float64)
    if x.ndim != 2 or x.shape[1] != dim:
        raise FunnelError(f"Points came with shape {x.shape}; this MinFunnel needs (n, {dim}).")
    return x
