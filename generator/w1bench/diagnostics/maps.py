"""Maps: whether T takes inputs to targets, and along the rays that every optimal map keeps to.

Milne, Bilocq, Nachman, "A new method for determining Wasserstein 1 optimal transport maps from Kantorovich potentials, with deep learning applications"
(arXiv 2211.00820, 2022): an optimal T has (f*(x) - f*(T x)) / ||T x - x|| = 1 at every x that it moves, whatever map it is, for W1 has many. Where the map is
unique, all mass going to the lower ends of the rays, it is explicit: T x = x - a grad u(x), with a the way down to the end. *Trust the critics* (Milne and others, arXiv
2111.15099, 2021) makes a chain of steps x <- x - theta W1 grad u of critics that are learned anew, theta <= 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from w1bench.arrays import F64, Array
from w1bench.diagnostics.batch import exact_plan, flat

_HALVINGS = 60
_ROUNDING = 1e-12
_MOST = 2048  # points of an exact plan
_LEAST = 1e-9  # of the mean way, below which a point has not been moved


@dataclass(frozen=True)
class MapFigures:
    """`consistency` (f*(x) - f*(T x)) / ||T x - x|| of the `moved` share of the inputs, a mean and the 5 % quantile; `left` the exact transport between samples of T x
    and of Q, and `before` that of x and Q, of as many; `error` the mean ||T x - T* x||, None where T* is not unique."""

    consistency: float
    consistency_5: float
    moved: float
    left: float
    before: float
    error: float | None


def map_figures(
    inputs: Array, transported: Array, potential: Callable[[F64], F64], targets: Array, *, unique: Array | None = None
) -> MapFigures:  # fmt: skip
    """The figures of a map's images `transported` of `inputs`, from f* and independent `targets`; `unique` are the images under T* where that is unique."""
    x, tx, y = flat(inputs), flat(transported), flat(targets)
    ratio = ray_consistency(x, tx, potential)
    n = min(len(x), len(y), _MOST)
    return MapFigures(
        consistency=float(ratio.mean()) if len(ratio) else 0.0,
        consistency_5=float(np.quantile(ratio, 0.05)) if len(ratio) else 0.0, moved=len(ratio) / len(x),
        left=exact_plan(tx[:n], y[:n])[0], before=exact_plan(x[:n], y[:n])[0],
        error=None if unique is None else float(np.linalg.norm(tx - flat(unique), axis=1).mean()),
    )  # fmt: skip


def ray_consistency(inputs: Array, transported: Array, potential: Callable[[F64], F64]) -> F64:
    """(f*(x) - f*(T x)) / ||T x - x|| at each input that is moved: between -1 and 1, and 1 on a ray."""
    x, tx = flat(inputs), flat(transported)
    way = np.linalg.norm(tx - x, axis=1)
    moved = way > _LEAST * way.mean()
    return (potential(x[moved]) - potential(tx[moved])) / way[moved]


def chain(points: Array, critic: Callable[[F64], tuple[float, F64]], *, theta: float, steps: int) -> list[F64]:
    """The points after 0, 1, ..., `steps` steps x <- x - theta W1 grad u, where `critic` gives (W1, grad u) of points anew at each step."""
    found = [flat(points)]
    for _ in range(steps):
        value, gradient = critic(found[-1])
        found.append(found[-1] - theta * value * gradient)
    return found


def ray_ends(points: Array, gradient: Array, potential: Callable[[F64], F64], furthest: float) -> F64:
    """T x = x - a grad u(x): the lower end of the ray through each point, where u no longer falls by as much as one goes, `furthest` away at most.

    u(x) - u(x - a g) - a is 0 up to the end and below 0 beyond, so that halving finds a. The explicit map, where all mass goes to the ends.
    """
    x, g = flat(points), flat(gradient)
    start = potential(x)
    low, high = np.zeros(len(x)), np.full(len(x), furthest)
    allowed = _ROUNDING * (np.abs(start) + furthest)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        on_ray = start - potential(x - middle[:, None] * g) >= middle - allowed
        low, high = np.where(on_ray, middle, low), np.where(on_ray, high, middle)
    return x - low[:, None] * g
