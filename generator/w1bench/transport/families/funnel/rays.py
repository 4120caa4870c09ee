"""Transport rays of a MinFunnel and the ray-monotone map, in float64.

Korotin, Kolesov, Burnaev (NeurIPS 2022), section 4, rearranged: from a target y the ray leaves centre a_n in direction
v = (y - a_n) / s and ends after S, where another funnel takes over or the domain's wall is reached; the input is
x = a_n + S (s/S)^p v. With u = min_n (||x - a_n|| + b_n), f* = -u is a potential of W1(P, Q) and
grad f*(x) = -v. One matrix product y A^T serves the choice of n and all crossings; the crossing with funnel m is at
(C - e^2) / (2 (e - c)), C = ||a_n - a_m||^2, e = b_n - b_m, c = (a_n - a_m).v, and lengths are kept as reciprocals, so that
a maximum over multiplications replaces a minimum over divisions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from w1bench.arrays import F64, Array
from w1bench.errors import SourceError
from w1bench.rng import tile_rows
from w1bench.sources.domains import Ball, Domain
from w1bench.transport.families.funnel.kernels import trace_rows
from w1bench.transport.families.funnel.min_funnel import MinFunnel


class Rays(NamedTuple):
    """For each target: its funnel n (`nearest`), the distance s = ||y - a_n|| and the ray's length S; three (n,)."""

    nearest: NDArray[np.int64]
    distance: F64
    length: F64


@dataclass(frozen=True)
class RayMap:
    """The ray-monotone map of power p >= 1 down the rays of a MinFunnel inside a domain."""

    potential: MinFunnel
    domain: Domain
    power: float
    uniform: bool = False  # whether targets are uniform on the domain

    def trace(
        self, target: Array, *, moved: Array | None = None, gradient: Array | None = None, single: bool = False
    ) -> Rays:
        """The rays through `target` (n, D). Inputs x and gradients grad f*(x) are written to `moved` and `gradient`, where given.

        With `single` the matrix product, and no more, is taken in float32: faster, and as exact as draws in float32 need.

        Raises:
            SourceError: a target is a centre itself, where no ray passes; its source is not absolutely continuous.
        """
        nothing = np.empty((0, self.potential.dim))
        rays = self._run(
            target,
            nothing if moved is None else moved,
            nothing if gradient is None else gradient,
            np.float32 if single else np.float64,
        )
        if not rays.distance.all():
            row = int(np.argmin(rays.distance))
            raise SourceError(
                f"Target {row} is the centre of funnel {int(rays.nearest[row])} itself, where no ray passes; "
                "draw targets from a continuous distribution (give the source some noise)."
            )
        return rays

    def move(
        self, target: Array, *, moved: Array | None = None, gradient: Array | None = None,
        potential: Array | None = None, single: bool = False,
    ) -> F64:  # fmt: skip
        """As `TransportMap.move`."""
        rays = self.trace(target, moved=moved, gradient=gradient, single=single)
        if potential is not None:
            potential[:] = -(self.potential.offset[rays.nearest] + self.shorten(rays))
        return self.cost_of(rays)

    def cost_of(self, rays: Rays) -> F64:
        """Unbiased estimates of W1 from the rays of targets, (n,).

        In general the displacement s - s'. Where t = s/S has the Beta(D, 1) law on every ray,
        E[t - t^p] = D (p - 1) / ((D + 1)(D + p)), and S times that has far less variance.
        """
        if not self.uniform:
            return rays.distance - self.shorten(rays)
        d, p = self.potential.dim, self.power
        return rays.length * (d * (p - 1) / ((d + 1) * (d + p)))

    def exact_w1(self) -> float | None:
        """None: the average length of rays has no closed form."""
        return None

    def shorten(self, rays: Rays) -> F64:
        """s' = S (s/S)^p, the distance of each input from its centre, (n,)."""
        return rays.length * np.minimum(rays.distance / rays.length, 1.0) ** self.power

    @cached_property
    def _tables(self) -> tuple[F64, F64, F64, F64, float]:
        """Gram matrix, reciprocal crossings 1/(C - e^2) (N, N), reciprocal walls (N, D) on either side, radius."""
        funnel = self.potential
        e = funnel.offset[:, None] - funnel.offset[None, :]
        room = funnel.square_distance - e * e  # positive off the diagonal, because no funnel is dominated
        np.fill_diagonal(room, np.inf)  # a ray never meets its own funnel
        gram = funnel.center @ funnel.center.T
        if isinstance(self.domain, Ball):
            return gram, 1 / room, np.empty((0, 0)), np.empty((0, 0)), self.domain.radius
        upper, lower = (_reciprocal(self.domain.half_width + side * funnel.center) for side in (-1.0, 1.0))
        return gram, 1 / room, upper, lower, 0.0

    @cached_property
    def _single_center(self) -> NDArray[np.float32]:
        return self.potential.center.astype(np.float32)

    def _run(self, target: Array, moved: Array, gradient: Array, precision: type[np.float32 | np.float64]) -> Rays:
        funnel, n = self.potential, len(target)
        rays = Rays(np.empty(n, np.int64), np.empty(n), np.empty(n))
        rows = tile_rows(funnel.dim)
        product = np.empty((min(rows, n), funnel.count), precision)
        center = self._single_center if precision is np.float32 else funnel.center
        for start in range(0, n, rows):
            part = slice(start, min(start + rows, n))
            y = np.ascontiguousarray(target[part], np.float64)
            s = np.matmul(y.astype(precision, copy=False), center.T, out=product[: len(y)])
            trace_rows(
                y, s, funnel.center, funnel.offset, funnel.square_norm, *self._tables, self.power,
                rays.nearest[part], rays.distance[part], rays.length[part], moved[part], gradient[part],
            )  # fmt: skip
        return rays


def _reciprocal(wall: F64) -> F64:
    """1 / distance to a wall; 0 for a centre on the wall, which no ray leaves towards it."""
    return np.divide(1, wall, out=np.zeros_like(wall), where=wall > 0)
