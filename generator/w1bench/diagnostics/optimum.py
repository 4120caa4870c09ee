"""The exact optimum of congested transport, which a critic with a gradient penalty tends to, where it depends on one variable.

Milne, Nachman, "Wasserstein GANs with Gradient Penalty Compute Congested Transport" (COLT 2022): the penalty of weight lam / 2 makes the critic
minimise int |w| + |w|^2 / (2 lam sigma) over the flows w from Q to P, sigma the law of z = (1 - t) x + t y for independent x, y and t ~ U[0, 1].
Where the flow goes along a line or a radius its size is the flux M(r) = |P(r(x) <= r) - P(r(y) <= r)|, and with s the density of r(z)

    |grad f|(r) = 1 + M / (lam s),   C = int M + M^2 / (2 lam s) dr,   raw = E_P f - E_Q f = int M + M^2 / (lam s) dr,   W1 = int M dr.

s is the average of its law given x and y, which is known, over a Sobol sequence: about 1e-4 of C.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv
from scipy.stats import qmc

from w1bench.arrays import F64

_POINTS = 1 << 15  # of the sequence
_BINS = 400
_ROWS = 4096
_LEAST = 1e-9  # share of sigma in a bin below which its slope is that of the nearest bin with more


@dataclass(frozen=True)
class Optimum:
    """`w1`, the cost `C` of congested transport, and the `raw` value E_P f - E_Q f of the optimal critic, whose slope is `slope` (k,) at `place` (k,)."""

    w1: float
    cost: float
    raw: float
    place: F64
    slope: F64

    def slope_at(self, place: F64) -> F64:
        """|grad f| there."""
        return np.interp(place, self.place, self.slope)

    def height_at(self, place: F64) -> F64:
        """The integral of the slope from the first place to this one: -f, where the flow goes up the line or out of the ball."""
        steps = np.diff(self.place) * (self.slope[1:] + self.slope[:-1]) / 2
        return np.interp(place, self.place, np.concatenate([[0.0], np.cumsum(steps)]))


def point_masses(distance: float, lam: float) -> Optimum:
    """P and Q are points: sigma is uniform between them, M = 1."""
    slope = 1 + distance / lam
    ends = np.array([0.0, distance])
    return Optimum(
        distance, distance + distance**2 / (2 * lam), distance * slope, ends, np.full(2, slope)
    )  # fmt: skip


def line(inputs: Callable[[F64], F64], targets: Callable[[F64], F64], lam: float) -> Optimum:
    """P and Q on a line, by their quantile functions, strictly increasing."""
    u, v = _sequence(2)
    x, y = inputs(u), targets(v)
    ends = np.concatenate([quantile(np.array([0.0, 1.0])) for quantile in (inputs, targets)])
    edges = np.linspace(ends.min(), ends.max(), _BINS + 1)
    levels = np.linspace(0, 1, 1 << 16)
    below = [np.interp(edges, quantile(levels), levels, left=0.0, right=1.0) for quantile in (inputs, targets)]
    passed = _mean_cdf(edges, lambda rows, r: _between(x[rows, None], y[rows, None], r))
    return _optimum(edges, np.abs(below[0] - below[1]), passed, lam)


def ball_pair(dim: int, power: float, radius: float, lam: float) -> Optimum:
    """The pair of family `ball`: Q uniform on the ball, ||x|| = R (||y|| / R)^power; `power` may be infinite, P then the centre.

    M(r) = (r/R)^(D/p) - (r/R)^D. Given ||x||, ||y|| and the cosine between them, ||z||^2 is a parabola in t.
    """
    u, v, w = _sequence(3)
    x = np.zeros_like(u) if np.isinf(power) else u ** (power / dim)
    y = v ** (1 / dim)
    cosine = np.sign(w - 0.5) if dim == 1 else 2 * betaincinv((dim - 1) / 2, (dim - 1) / 2, w) - 1
    product = x * y * cosine
    edges = np.linspace(0, 1, _BINS + 1)
    flux = np.concatenate([[0.0 if np.isfinite(power) else 1.0], edges[1:] ** (dim / power) - edges[1:] ** dim])

    def cdf(rows: slice, r: F64) -> F64:
        """The part of t in [0, 1] where a t^2 - 2 b t + c <= r^2."""
        c = (x[rows] ** 2)[:, None]
        b = (x[rows] ** 2 - product[rows])[:, None]
        a = np.maximum(c + (y[rows] ** 2 - 2 * product[rows])[:, None], 1e-300)
        root = b**2 - a * (c - r**2)
        half = np.sqrt(np.maximum(root, 0))
        ends = np.clip((b + half) / a, 0, 1) - np.clip((b - half) / a, 0, 1)
        return np.where(root > 0, ends, 0.0)

    found = _optimum(edges, flux, _mean_cdf(edges, cdf), lam / radius)
    exact = float(dim / (dim + 1) if np.isinf(power) else dim * (power - 1) / ((dim + 1) * (dim + power)))
    return Optimum(radius * exact, radius * (found.cost + exact - found.w1), radius * (found.raw + exact - found.w1),
                   radius * found.place, found.slope)  # fmt: skip


def _optimum(edges: F64, flux: F64, passed: F64, lam: float) -> Optimum:
    """From the flux and the distribution function of sigma at the edges of bins."""
    width = np.diff(edges)
    inner = (flux[1:] + flux[:-1]) / 2
    share = np.diff(passed)
    known = share > _LEAST
    middle = (edges[1:] + edges[:-1]) / 2
    excess = np.interp(middle, middle[known], inner[known] * width[known] / (lam * share[known]))
    w1 = float(inner @ width)
    over = float((inner * excess) @ width)
    slope = 1 + np.pad(excess, 1, mode="edge")
    return Optimum(w1, w1 + over / 2, w1 + over, np.concatenate([edges[:1], middle, edges[-1:]]), slope)


def _between(x: F64, y: F64, r: F64) -> F64:
    """The part of the way from x to y that lies below r."""
    low, high = np.minimum(x, y), np.maximum(x, y)
    return np.clip((r - low) / np.maximum(high - low, 1e-300), 0, 1)


def _mean_cdf(edges: F64, cdf: Callable[[slice, F64], F64]) -> F64:
    parts = [cdf(slice(i, i + _ROWS), edges).sum(axis=0) for i in range(0, _POINTS, _ROWS)]
    return np.sum(parts, axis=0) / _POINTS


def _sequence(dimensions: int) -> F64:
    """Points of a scrambled Sobol sequence in the open cube, (dimensions, n)."""
    points = qmc.Sobol(dimensions, scramble=True, rng=0).random(_POINTS).T
    return np.clip(points, 2.0**-40, 1 - 2.0**-40)
