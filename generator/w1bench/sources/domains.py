"""The sets that the points of a source lie in, and its rays end in: a cube or a ball."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from w1bench.arrays import Array


@dataclass(frozen=True)
class Cube:
    """[-half_width, half_width]^D."""

    half_width: float

    def excess(self, points: Array) -> float:
        """How far the furthest of `points` (n, D) lies outside; negative or zero when all are inside."""
        return float(np.abs(points).max() - self.half_width)


@dataclass(frozen=True)
class Ball:
    """{x : ||x|| <= radius}."""

    radius: float

    @property
    def half_width(self) -> float:
        """Of the cube around it."""
        return self.radius

    def excess(self, points: Array) -> float:
        """How far the furthest of `points` (n, D) lies outside; negative or zero when all are inside."""
        return float(np.linalg.norm(points, axis=1).max() - self.radius)


Domain = Cube | Ball
