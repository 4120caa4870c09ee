"""Building: our rays in float64 on two threads against the published (B, D, N) tensors in float32."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import geometric_mean

import numpy as np
import torch
from cases import F64, THREADS, Case, move_parts, tile_by_tile
from memory import extra_memory
from report import parse, publish, table
from scipy.spatial.distance import cdist
from timing import medians, once

from w1bench.transport.families.funnel.rays import RayMap

_CASES = (
    (2, 4, 16384),
    (2, 256, 16384),
    (16, 64, 16384),
    (128, 4, 16384),
    (128, 256, 16384),
    (128, 256, 1024),
    (3072, 16, 1024),
    (12288, 1, 512),
    (12288, 16, 512),
)
_WARM_ROWS = 2  # so few that their memory does not count

_SPEED = """\
Median microseconds a point for inputs, gradients and potentials of the same targets, in turn. The published tensors have one
or two torch threads, whichever is faster; ours is `RayMap.trace` tile by tile through `LocalThreads` with two workers, into
each worker's memory, as a build runs it, without the drawing of targets and the writing of files. MB: the most memory taken beyond the targets, by a
fresh process that handles one batch once; ours lets each tile go when it is done. Parts: how many the tensors' batch was cut
into so that they fit the memory."""

_FLOOR = """\
The floor is what no implementation can leave out: the matrix product of targets and centres, and writing two (B, D) outputs,
in float64, over the same tiles on the same threads, all of it into memory that is used again."""

_ERRORS = """\
The ray residual is the largest |u(y) - u(x) - ||y - x||| of the batch, the gradient's error the largest
||g(x) + (y - a_n) / ||y - a_n||||; u and a_n are found in float64 by differences."""


@dataclass(frozen=True)
class Outcome:
    """What was measured of a case: microseconds a point, bytes, largest errors; each under "published" and "ours"."""

    case: Case
    parts: int
    micros: dict[str, float]
    memory: dict[str, int]
    errors: dict[str, tuple[float, float]]

    @property
    def speed(self) -> float:
        return self.micros["published"] / self.micros["ours"]

    @property
    def saving(self) -> float:
        return self.memory["published"] / self.memory["ours"]


def main() -> None:
    run = parse("building", __doc__)
    cases = [Case(dim, funnels, batch // 8 if run.quick else batch) for dim, funnels, batch in _CASES]
    outcomes = [_measure(case, quick=run.quick) for case in cases]
    mean = f"Geometric mean of the ratios: {geometric_mean(outcome.speed for outcome in outcomes):.1f}."
    sections = [_SPEED, _speeds(outcomes), mean, _FLOOR, _floors(outcomes), _ERRORS, _residuals(outcomes)]
    publish(run, "Building", sections, packages=("w1bench", "numpy", "numba", "torch"))


def _measure(case: Case, *, quick: bool) -> Outcome:
    ray_map, tensor_map, target = case.ray_map(), case.tensor_map(), case.targets()
    parts = torch.from_numpy(target).float().chunk(case.parts())
    x, gradient = np.empty((2, *target.shape))
    ray_map.move(target, moved=x, gradient=gradient)  # compiles
    works = {
        "published": once(partial(move_parts, tensor_map, parts, threads=THREADS)),
        "published on one": once(partial(move_parts, tensor_map, parts, threads=1)),
        "ours": partial(tile_by_tile, _Tile(ray_map), target),
        "floor": partial(tile_by_tile, _Floor(ray_map.potential.center), target),
    }
    took = medians(works, rounds=3 if quick else 5, least_seconds=0.05 if quick else 0.3)
    took["published"] = min(took["published"], took.pop("published on one"))
    moved = [tensor_map.move(part) for part in parts]
    published = [torch.cat([getattr(part, name) for part in moved]).double().numpy() for name in ("input", "gradient")]
    return Outcome(
        case,
        len(parts),
        {name: seconds / case.batch * 1e6 for name, seconds in took.items()},
        {"published": extra_memory(_prepare_tensors, case), "ours": extra_memory(_prepare_tiles, case)},
        {"published": _errors(case, target, *published), "ours": _errors(case, target, x, gradient)},
    )


class _Tile:
    """Inputs, gradients and both potentials of a tile, into each thread's own memory, as a build's shards are."""

    def __init__(self, ray_map: RayMap) -> None:
        self._map = ray_map
        self._memory = threading.local()

    def __call__(self, target: F64) -> tuple[F64, F64]:
        memory = self._memory
        if getattr(memory, "shape", None) != target.shape:
            memory.shape, memory.moved, memory.gradient = target.shape, np.empty(target.shape), np.empty(target.shape)
        rays = self._map.trace(target, moved=memory.moved, gradient=memory.gradient)
        offset = self._map.potential.offset[rays.nearest]
        return -(offset + self._map.shorten(rays)), -(offset + rays.distance)


class _Floor:
    """The matrix product of a tile and the writing of two outputs, into each thread's own memory."""

    def __init__(self, center: F64) -> None:
        self._center = center
        self._memory = threading.local()

    def __call__(self, target: F64) -> None:
        memory = self._memory
        if getattr(memory, "shape", None) != target.shape:
            memory.shape, memory.product = target.shape, np.empty((len(target), len(self._center)))
            memory.outputs = np.empty((2, *target.shape))
        np.matmul(target, self._center.T, out=memory.product)
        memory.outputs.fill(1.0)


def _prepare_tiles(case: Case) -> Callable[[], None]:
    target, work = case.targets(), _Tile(case.ray_map())
    work(target[:_WARM_ROWS])  # compiles
    return partial(tile_by_tile, work, target)


def _prepare_tensors(case: Case) -> Callable[[], None]:
    target, tensor_map = torch.from_numpy(case.targets()).float(), case.tensor_map()
    move_parts(tensor_map, (target[:_WARM_ROWS],), threads=THREADS)
    return partial(move_parts, tensor_map, target.chunk(case.parts()), threads=THREADS)


def _errors(case: Case, y: F64, x: F64, gradient: F64) -> tuple[float, float]:
    """The largest ray residual, and the largest error of a gradient."""
    center, offset = case.funnel()
    far, near = (cdist(points, center) + offset for points in (y, x))
    step = y - center[far.argmin(axis=1)]
    residual = far.min(axis=1) - near.min(axis=1) - np.linalg.norm(y - x, axis=1)
    off = gradient + step / np.linalg.norm(step, axis=1, keepdims=True)
    return float(np.abs(residual).max()), float(np.linalg.norm(off, axis=1).max())


def _speeds(outcomes: Sequence[Outcome]) -> str:
    header = ("(D, N, B)", "published, µs", "ours, µs", "ratio", "published, MB", "ours, MB", "ratio", "parts")
    rows = [
        (
            o.case, f"{o.micros['published']:.2f}", f"{o.micros['ours']:.3f}", f"**{o.speed:.1f}**",
            f"{o.memory['published'] / 1e6:.1f}", f"{o.memory['ours'] / 1e6:.1f}", f"{o.saving:.1f}", o.parts,
        )
        for o in outcomes
    ]  # fmt: skip
    return table(header, rows)


def _floors(outcomes: Sequence[Outcome]) -> str:
    rows = [
        (o.case, f"{o.micros['floor']:.3f}", f"{o.micros['ours']:.3f}", f"{o.micros['floor'] / o.micros['ours']:.0%}")
        for o in outcomes
    ]
    return table(("(D, N, B)", "floor, µs", "ours, µs", "of the floor"), rows)


def _residuals(outcomes: Sequence[Outcome]) -> str:
    header = ("(D, N, B)", "published residual", "our residual", "published gradient error", "our gradient error")
    rows = []
    for o in outcomes:
        pairs = zip(o.errors["published"], o.errors["ours"], strict=True)
        rows.append((o.case, *(f"{error:.0e}" for pair in pairs for error in pair)))
    return table(header, rows)


if __name__ == "__main__":
    main()
