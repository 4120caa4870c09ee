"""Attenuation: u(x) = ||x - P x||, P the orthogonal projector on a linear subspace S; x = P y + c (y - P y), 0 < c < 1.

u is the distance from S, so it is 1-Lipschitz. With the residual r = y - P y, the ray from P y through y has
u(y) - u(x) = (1 - c) ||r|| = ||y - x||, for any law of y at all: W1 = (1 - c) E||r||, and grad f*(x) = -r / ||r||. Along the
ray x is c times as far out as y: strictly monotone. (With c = 0 all inputs would lie in S, where u has a kink and no gradient.)
What S keeps says what the pair is: low frequencies (the inputs are blurred), channel means (less contrast), grey pictures (less
colour), nothing (dilation by c). Degraded pictures against clean ones are what adversarial regularisers are trained on (Lunz,
Oektem, Schoenlieb, NeurIPS 2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import pi
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from w1bench.arrays import F64, Array
from w1bench.errors import SourceError
from w1bench.recipes.families import Attenuation
from w1bench.recipes.shapes import check_kept
from w1bench.sources.domains import Cube
from w1bench.transport.families.convex_rays import shorten_rays


class Subspace(Protocol):
    """A linear subspace S of R^D."""

    @property
    def rank(self) -> int: ...

    @property
    def reach(self) -> float:
        """The largest |(P x)_j| over the cube of half width 1."""
        ...

    def project(self, points: F64) -> F64:
        """P x of `points` (n, D): (n, D), new or a view of nothing."""
        ...


@dataclass(frozen=True)
class LowFrequencies:
    """Pictures whose channels have the `size` x `size` lowest frequencies of the type-II discrete cosine transform alone."""

    shape: tuple[int, int, int]
    size: int

    @property
    def rank(self) -> int:
        return self.shape[0] * self.size**2

    @cached_property
    def _bases(self) -> tuple[F64, F64]:
        """Orthonormal cosines along height and width, (height, size) and (width, size)."""
        return cosines(self.shape[1], self.size), cosines(self.shape[2], self.size)

    @property
    def reach(self) -> float:
        high, wide = (np.abs(basis @ basis.T).sum(axis=1).max() for basis in self._bases)
        return float(high * wide)

    def project(self, points: F64) -> F64:
        high, wide = self._bases
        channels, height, width = self.shape
        rows = points.reshape(-1, width) @ wide  # one product over all rows of all pictures
        coefficients = np.matmul(high.T, rows.reshape(-1, height, self.size))
        rows = np.matmul(high, coefficients).reshape(-1, self.size)
        return (rows @ wide.T).reshape(-1, channels * height * width)


@dataclass(frozen=True)
class Means:
    """Pictures that are constant along some axes: in each channel ("mean"), or over the channels at each pixel ("grey")."""

    shape: tuple[int, int, int]
    axes: tuple[int, ...]  # of (n, channels, height, width)
    reach: float = 1.0

    @property
    def rank(self) -> int:
        return self.shape[0] if self.axes == (2, 3) else self.shape[1] * self.shape[2]

    def project(self, points: F64) -> F64:
        pictures = points.reshape(-1, *self.shape)
        means = pictures.mean(axis=self.axes, keepdims=True)
        return np.broadcast_to(means, pictures.shape).reshape(points.shape)


@dataclass(frozen=True)
class Origin:
    """The origin alone."""

    rank: int = 0
    reach: float = 0.0

    def project(self, points: F64) -> F64:
        return np.broadcast_to(0.0, points.shape)


@dataclass(frozen=True)
class Span:
    """The span of orthonormal rows (rank, D)."""

    basis: F64

    @property
    def rank(self) -> int:
        return len(self.basis)

    @property
    def reach(self) -> float:
        return float(np.sqrt(self.basis.shape[1]))

    def project(self, points: F64) -> F64:
        return (points @ self.basis.T) @ self.basis


@dataclass(frozen=True)
class DistanceFromSubspace:
    """u(x) = ||x - P x||."""

    subspace: Subspace

    def residual(self, points: ArrayLike) -> F64:
        """x - P x of `points` (n, D): (n, D)."""
        x = np.asarray(points, np.float64)
        return x - self.subspace.project(x)

    def value(self, points: ArrayLike) -> F64:
        return np.linalg.norm(self.residual(points), axis=1)


@dataclass(frozen=True)
class AttenuationMap:
    """x = y - (1 - c)(y - P y) for targets inside the cube of `half_width`."""

    potential: DistanceFromSubspace
    factor: float
    half_width: float

    @property
    def domain(self) -> Cube:
        reach = self.factor + (1 - self.factor) * self.potential.subspace.reach
        return Cube(self.half_width * max(1.0, reach))

    def move(
        self, target: Array, *, moved: Array | None = None, gradient: Array | None = None,
        potential: Array | None = None, single: bool = False,
    ) -> F64:  # fmt: skip
        """As `TransportMap.move`."""
        length = shorten_rays(target, self.potential.residual(target), self.factor, moved, gradient, potential)
        if not length.all():
            raise SourceError(
                f"Target {int(np.argmin(length))} lies in the subspace that is kept, where no ray passes; "
                "draw targets from a continuous distribution (give the source some noise)."
            )
        return (1 - self.factor) * length

    def exact_w1(self) -> float | None:
        """None: it depends on the source; see `w1bench.transport.exact.attenuated_w1`."""
        return None


def make_attenuation(
    table: Attenuation, shape: tuple[int, ...], half_width: float, basis: F64 | None = None
) -> AttenuationMap:
    """The map of a recipe's table on points of `shape`; `basis` spans a random subspace.

    Raises:
        RecipeError: the points are not pictures, or smaller than what is kept of them.
    """
    return AttenuationMap(DistanceFromSubspace(_subspace(table, shape, basis)), table.factor, half_width)


def _subspace(table: Attenuation, shape: tuple[int, ...], basis: F64 | None) -> Subspace:
    if table.keep == "none":
        return Origin()
    if table.keep == "random":
        assert basis is not None
        return Span(basis)
    check_kept(table, shape)
    channels, height, width = shape
    if table.keep == "lowpass":
        assert table.size is not None
        return LowFrequencies((channels, height, width), table.size)
    return Means((channels, height, width), (2, 3) if table.keep == "mean" else (1,))


def cosines(length: int, count: int) -> F64:
    """The first `count` orthonormal vectors of the type-II discrete cosine transform, (length, count)."""
    phase = np.outer(np.arange(length) + 0.5, np.arange(count)) * (pi / length)
    basis = np.cos(phase) * np.sqrt(2 / length)
    basis[:, 0] = np.sqrt(1 / length)
    return basis
