"""Smooth: u(x) = the distance from a solid ellipsoid; y = b + L n(b), x = b + t L n(b), b on its surface, n its outer normal.

The distance from a convex body is 1-Lipschitz, and outside it its gradient is n(b) at the nearest point b, Lipschitz itself: no kink
anywhere. u(y) - u(x) = (1 - t) L = ||y - x||, so W1 = (1 - t) E L whatever the law of b, and grad f*(x) = -n(b). Rays diverge
and never meet, so that y determines b and L, and x is strictly monotone in L for t > 0. Here L = reach Beta(2, 2), whose mean
is reach / 2, and b = a s (coordinate by coordinate) for half axes a and s uniform on the sphere.

The nearest point has b_j = a_j^2 y_j / (a_j^2 + m) for the root m > 0 of sum_j (a_j y_j / (a_j^2 + m))^2 = 1 (Eberly,
"Distance from a point to an ellipse, an ellipsoid, or a hyperellipsoid", 2013), found by Newton's method on the reciprocal root of
the sum, which is concave and nearly linear in m.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from w1bench.arrays import F64, Array
from w1bench.errors import SourceError
from w1bench.recipes.families import Ellipsoid
from w1bench.sources.domains import Ball
from w1bench.transport.families.convex_rays import shorten_rays

_ROUNDS = 100  # of Newton's method, which takes four to eight


@dataclass(frozen=True)
class DistanceFromEllipsoid:
    """u(x) = the distance of x from {R^T z : sum (z_j / a_j)^2 <= 1}; `rotation` R (D, D), orthonormal rows, or None for none."""

    axes: F64
    rotation: F64 | None = None

    @cached_property
    def squares(self) -> F64:
        return self.axes**2

    def body(self, points: ArrayLike) -> F64:
        """`points` (n, D) in the coordinates of the axes."""
        x = np.ascontiguousarray(points, np.float64)
        return x if self.rotation is None else x @ self.rotation.T

    def space(self, points: F64) -> F64:
        """Points in the coordinates of the axes back in those of the space."""
        return points if self.rotation is None else points @ self.rotation

    def outward(self, body: F64) -> F64:
        """z - b, from the nearest point b of the ellipsoid, of points z (n, D) in the axes' coordinates; 0 inside."""
        out = np.empty_like(body)
        _outward_rows(body, self.squares, out)
        return out

    def value(self, points: ArrayLike) -> F64:
        return np.linalg.norm(self.outward(self.body(points)), axis=1)


@dataclass(frozen=True)
class EllipsoidSource:
    """Points at a distance reach Beta(2, 2) outside the ellipsoid of a potential."""

    potential: DistanceFromEllipsoid
    reach: float
    dtype = np.dtype(np.float64)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.potential.axes.shape

    @property
    def domain(self) -> Ball:
        return Ball(float(self.potential.axes.max()) + self.reach)

    def draw(self, rng: np.random.Generator, count: int) -> F64:
        sphere = rng.standard_normal((count, *self.shape))
        sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
        length = self.reach * rng.beta(2.0, 2.0, (count, 1))
        normal = sphere / self.potential.axes
        normal *= length / np.linalg.norm(normal, axis=1, keepdims=True)
        sphere *= self.potential.axes
        sphere += normal
        return self.potential.space(sphere)


@dataclass(frozen=True)
class EllipsoidMap:
    """x = b + t (y - b)."""

    potential: DistanceFromEllipsoid
    reach: float
    fraction: float

    @property
    def domain(self) -> Ball:
        return Ball(float(self.potential.axes.max()) + self.reach)

    def move(
        self, target: Array, *, moved: Array | None = None, gradient: Array | None = None,
        potential: Array | None = None, single: bool = False,
    ) -> F64:  # fmt: skip
        """As `TransportMap.move`."""
        outward = self.potential.space(self.potential.outward(self.potential.body(target)))
        length = shorten_rays(target, outward, self.fraction, moved, gradient, potential)
        if not length.all():
            raise SourceError(
                f"Target {int(np.argmin(length))} lies inside the ellipsoid, where no ray passes; draw targets outside."
            )
        return (1 - self.fraction) * length

    def exact_w1(self) -> float:
        return (1 - self.fraction) * self.reach / 2


def half_axes(table: Ellipsoid) -> F64:
    """The half axes of a recipe's table, evenly spaced in their logarithms, (D,)."""
    return np.geomspace(table.axes[0], table.axes[1], table.dim)


@njit(nogil=True, cache=True)
def _outward_rows(z: F64, squares: F64, out: F64) -> None:
    """z - b of rows z (B, D) for half axes whose squares are (D,), into `out`; 0 for rows inside."""
    for i in range(z.shape[0]):
        m = 0.0
        for _ in range(_ROUNDS):
            total, slope = _sums(z, i, squares, m)
            if (
                total <= 1.0
            ):  # the reciprocal root is concave, so that Newton's steps never pass the root but by rounding
                break
            step = total * (np.sqrt(total) - 1.0) / slope
            m += step
            if step <= 1e-16 * m:
                break
        for d in range(z.shape[1]):
            out[i, d] = m * z[i, d] / (squares[d] + m)


@njit(nogil=True, forceinline=True, fastmath={"reassoc", "contract", "nsz", "nnan", "arcp"})
def _sums(z: F64, i: int, squares: F64, m: float) -> tuple[float, float]:
    """sum a^2 z^2 / (a^2 + m)^2 and sum a^2 z^2 / (a^2 + m)^3: minus half the former's slope."""
    total, slope = 0.0, 0.0
    for d in range(squares.size):
        inverse = 1.0 / (squares[d] + m)
        term = squares[d] * (z[i, d] * inverse) ** 2
        total += term
        slope += term * inverse
    return total, slope
