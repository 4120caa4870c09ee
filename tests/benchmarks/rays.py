"""Rays: where the time of tracing goes in which a build is above its floor, step by step."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

import numpy as np
from cases import F64, Case
from report import parse, publish, table
from threadpoolctl import threadpool_limits

from w1bench.rng import tile_rows
from w1bench.transport.families.funnel.kernels import nearest_rows
from w1bench.transport.families.funnel.rays import RayMap

_CASES = ((2, 4, 16384), (2, 256, 16384), (16, 64, 16384), (128, 4, 16384))
_EXPLANATION = """\
Nanoseconds a point, on one thread over one tile of targets, each step the difference of two times, each the shortest of four hundred in turn: the matrix product of targets and
centres; the choice of the funnel, argmin_m (||y - a_m|| + b_m); the nearest crossing and the wall; the writing of inputs and gradients;
the potentials. Roots: N square roots a point alone, taken by numpy of numbers in the processor's cache: in float64 a choice by distances
costs at least these. Fill: the writing of two (B, D) outputs without a calculation. The floor of [building](building.md) is product and fill; where D is small
and N large it is as little as the last column says of the whole, because the choice and the crossings take some operations for each funnel where the product
takes D. On average {busy:.0f} other processes were running on the machine (its load average when it began)."""


def main() -> None:
    run = parse("rays", __doc__)
    busy = os.getloadavg()[0]
    found = {case: _nanos(case, quick=run.quick) for case in (Case(*sizes) for sizes in _CASES)}
    names = list(next(iter(found.values())))
    rows = [
        (case, *(f"{nanos[name]:.0f}" for name in names), f"{(nanos['product'] + nanos['fill']) / _whole(nanos):.0%}")
        for case, nanos in found.items()
    ]
    shown = table(("(D, N, B)", *names, "floor of the whole"), rows)
    publish(run, "Rays", [_EXPLANATION.format(busy=busy), shown], packages=("w1bench", "numpy", "numba"))


def _whole(nanos: dict[str, float]) -> float:
    return sum(took for name, took in nanos.items() if name not in ("roots", "fill"))


def _nanos(case: Case, *, quick: bool) -> dict[str, float]:
    """Nanoseconds a point of each step, and of what the first of them cannot do without."""
    ray_map, target = case.ray_map(), case.targets()
    y = target[: tile_rows(case.dim)]
    roots, outputs = np.full((256, ray_map.potential.count), 0.5), np.empty((2, *y.shape))
    beside = {"roots": lambda: np.sqrt(roots, out=roots), "fill": lambda: outputs.fill(1.0)}
    steps = _steps(ray_map, y)
    with threadpool_limits(1):
        took = _shortest(steps | beside, rounds=20 if quick else 400)
    of_beside = {"roots": took.pop("roots") / len(roots) * 1e9, "fill": took.pop("fill") / len(y) * 1e9}
    passed = [0.0, *(seconds / len(y) * 1e9 for seconds in took.values())]
    return dict(zip(took, np.diff(passed).tolist(), strict=True)) | of_beside


def _shortest(works: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, float]:
    """The shortest time of each work over so many rounds in turn, which other processes lengthen least."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            begun = time.perf_counter()
            work()
            taken[name].append(time.perf_counter() - begun)
    return {name: min(times) for name, times in taken.items()}


def _steps(ray_map: RayMap, y: F64) -> dict[str, Callable[[], object]]:
    """What a build does with a tile: each work does one step more than the one before."""
    funnel = ray_map.potential
    product, moved, gradient = np.empty((len(y), funnel.count)), np.empty(y.shape), np.empty(y.shape)
    nearest, distance = np.empty(len(y), np.int64), np.empty(len(y))

    def choose() -> None:
        np.matmul(y, funnel.center.T, out=product)
        nearest_rows(y, product, funnel.center, funnel.offset, funnel.square_norm, nearest, distance)

    def take_potentials() -> None:
        rays = ray_map.trace(y, moved=moved, gradient=gradient)
        offset = funnel.offset[rays.nearest]
        _ = -(offset + ray_map.shorten(rays)), -(offset + rays.distance)

    return {
        "product": lambda: np.matmul(y, funnel.center.T, out=product),
        "funnel": choose,
        "crossing and wall": lambda: ray_map.trace(y),
        "outputs": lambda: ray_map.trace(y, moved=moved, gradient=gradient),
        "potentials": take_potentials,
    }


if __name__ == "__main__":
    main()
