"""Shift: u(x) = -<v, x> for a unit vector v; x = y + c v. Every critic must solve it: f* is linear, W1 = c.

u is 1-Lipschitz because ||v|| = 1; u(y) - u(x) = c ||v||^2 = c = ||y - x||, and grad f*(x) = v everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from w1bench.arrays import F64, Array
from w1bench.sources.domains import Cube


@dataclass(frozen=True)
class Plane:
    """u(x) = -<v, x>."""

    direction: F64

    def value(self, points: ArrayLike) -> F64:
        return -(np.asarray(points, np.float64) @ self.direction)


@dataclass(frozen=True)
class ShiftMap:
    """x = y + c v for targets inside the cube of `half_width`."""

    potential: Plane
    distance: float
    half_width: float

    @property
    def domain(self) -> Cube:
        return Cube(self.half_width + self.distance * float(np.abs(self.potential.direction).max()))

    def move(
        self, target: Array, *, moved: Array | None = None, gradient: Array | None = None,
        potential: Array | None = None, single: bool = False,
    ) -> F64:  # fmt: skip
        """As `TransportMap.move`."""
        v = self.potential.direction
        if potential is not None:
            potential[:] = np.asarray(target, np.float64) @ v + self.distance
        if moved is not None:
            np.add(target, self.distance * v, out=moved, casting="same_kind")
        if gradient is not None:
            gradient[:] = v
        return np.full(len(target), self.distance)

    def exact_w1(self) -> float:
        return self.distance
