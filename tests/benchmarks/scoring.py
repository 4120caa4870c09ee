"""Scoring: a whole score, beside one that draws its resamples anew; and the sums behind cos and L2, beside plain numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from typing import Any

import numpy as np
from memory import extra_memory
from numpy.typing import NDArray
from plain_scoring import scored, slope_at_least
from report import parse, publish, table
from timing import medians, once

from w1bench.archive.manifest import Manifest
from w1bench.scoring.score import score_resampled
from w1bench.scoring.statistics import gradient_points

_SCORES = ((10_000, 2), (10_000, 16), (10_000, 128))
_SHAPES = {"float32": (10_000, 12_288), "float64": (10_000, 128)}
_QUICK_ROWS = 1000
_W1 = 1.5
_NUMBERS = count()  # of pairs that were never scored
_NOISE = 0.5  # ||g - t||, about

_OF_SCORES = """\
A score, from arrays in memory to scorecard and resamples; median over runs in turn, on one thread (OPENBLAS_NUM_THREADS=1). Again: the pair was scored
before, as it is for all but the first submission to a pair in a process. First: its resamples are drawn. Plain: definitions over
whole arrays, resamples drawn anew for each submission, and the slopes of all pairs of points sorted
(`tests/benchmarks/plain_scoring.py`). Difference: the largest one of any value, bound or resample, relative to what plain gives, or
absolute where that is below 1. A process keeps the resamples of the pairs that it scored last, in at most 256 MiB (20 MB a pair
of 10,000 points)."""
_OF_SUMS = """\
Median over runs in turn, on one thread; GB/s are those of the gradient and the truth together. Plain: `(g * t).sum(1)` over the product
of `np.linalg.norm`s, and `((g - t) ** 2).sum(1)`, in the dtype of the arrays. One product: `np.dot(g, t)`, which reads both once
and is what memory allows. Extra memory: beyond the two arrays. Error: of mean cos and of mean L2 against float64, the larger one,
relative."""

Arrays = tuple[NDArray[Any], NDArray[Any]]
Means = tuple[float, float]


def main() -> None:
    run = parse("scoring", __doc__)
    scores = [
        row
        for points, dim in _SCORES
        for values in (False, True)
        for row in _measure_score(_QUICK_ROWS if run.quick else points, dim, values=values)
    ]
    rows = [
        row
        for dtype, (points, dim) in _SHAPES.items()
        for row in _measure(dtype, _QUICK_ROWS if run.quick else points, dim)
    ]
    of_scores = table(("submission", "score", "ms", "ratio", "difference"), scores)
    of_sums = table(("points", "sums", "ms", "GB/s", "ratio", "extra MB", "error"), rows)
    publish(run, "Scoring", [_OF_SCORES, of_scores, _OF_SUMS, of_sums], packages=("w1bench", "numpy"))


def _measure_score(points: int, dim: int, *, values: bool) -> list[tuple[object, ...]]:
    """Rows of the first table for gradients of one shape, with potentials or without."""
    pair, test, critic = _made(points, dim, values=values)
    works: dict[str, Callable[[], object]] = {
        "again": lambda: score_resampled(pair, test, critic),
        "first": lambda: score_resampled(pair.model_copy(update={"name": f"{next(_NUMBERS)}"}), test, critic),
        "plain": lambda: (scored(pair.digest(), _W1, test, critic), values and slope_at_least(test, critic)),
    }
    took = medians({name: once(work) for name, work in works.items()}, rounds=9)
    shape = f"[{points}, {dim}] float64" + (", potentials" if values else "")
    difference = f"{_difference(pair, test, critic):.0e}"
    return [
        (
            shape,
            name,
            f"{1e3 * seconds:.1f}",
            f"**{took['plain'] / seconds:.1f}**",
            "" if name == "plain" else difference,
        )
        for name, seconds in took.items()
    ]


def _made(points: int, dim: int, *, values: bool) -> tuple[Manifest, dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """A pair's manifest, the data sets of its tests, and a submission to it."""
    rng = np.random.default_rng(0)
    gradient, truth = _drawn("float64", points, dim)
    known = {name: rng.standard_normal(points) for name in ("input_potential", "target_potential")}
    test = {"gradient": truth, **known, **{name: rng.standard_normal((points, dim)) for name in ("input", "target")}}
    test["transported"] = test["input"] - rng.exponential(_W1, (points, 1)) * truth
    pair = Manifest.model_construct(
        name=f"made-{points}-{dim}-{values}", version=1, files={}, w1=_W1, w1_stderr=0.0, w1_rays=1
    )
    critic = {"gradient": gradient}
    if values:
        critic |= {name: array + 0.1 * rng.standard_normal(points) for name, array in known.items()}
    return pair, test, critic


def _difference(pair: Manifest, test: Mapping[str, NDArray[Any]], critic: Mapping[str, NDArray[Any]]) -> float:
    card, resampled = score_resampled(pair, test, critic)
    intervals, needed = scored(pair.digest(), _W1, test, critic)
    cells = [(interval.value, interval.low, interval.high) for name in intervals if (interval := card.metrics[name])]
    found = np.concatenate([np.ravel(cells), np.frombuffer(resampled)])
    exact = np.concatenate([np.ravel(list(intervals.values())), *needed.values()])
    return float((np.abs(found - exact) / np.maximum(1, np.abs(exact))).max())


def _measure(dtype: str, points: int, dim: int) -> list[tuple[object, ...]]:
    """Rows of the table for one shape."""
    works: dict[str, Callable[[NDArray[Any], NDArray[Any]], object]] = {
        "w1bench": ours, "plain numpy": plain, "one product": _one_product,
    }  # fmt: skip
    memory = {name: extra_memory(_prepared, work, dtype, points, dim) for name, work in works.items()}
    g, t = _drawn(dtype, points, dim)
    took = medians({name: once(partial(work, g, t)) for name, work in works.items()}, rounds=7)
    needed = _exact(g, t)
    errors = {"w1bench": _error(ours(g, t), needed), "plain numpy": _error(plain(g, t), needed)}
    shape = f"[{points}, {dim}] {dtype}"
    return [
        (
            shape, name, f"{1e3 * seconds:.0f}", f"{2 * g.nbytes / seconds / 1e9:.2f}",
            f"**{took['plain numpy'] / seconds:.2f}**", f"{memory[name] / 1e6:.0f}",
            f"{errors[name]:.0e}" if name in errors else "",
        )
        for name, seconds in took.items()
    ]  # fmt: skip


def ours(g: NDArray[Any], t: NDArray[Any]) -> Means:
    cosine, _, error = gradient_points(g, t)
    return float(cosine.mean()), float(error.mean())


def plain(g: NDArray[Any], t: NDArray[Any]) -> Means:
    cosine = (g * t).sum(1) / (np.linalg.norm(g, axis=1) * np.linalg.norm(t, axis=1))
    return float(cosine.mean()), float(((g - t) ** 2).sum(1).mean())


def _one_product(g: NDArray[Any], t: NDArray[Any]) -> float:
    return float(np.dot(g.ravel(), t.ravel()))


def _exact(g: NDArray[Any], t: NDArray[Any]) -> Means:
    """In float64, row by row."""
    means = [plain(a[None].astype(np.float64), b[None].astype(np.float64)) for a, b in zip(g, t, strict=True)]
    cosine, error = np.mean(means, axis=0)
    return float(cosine), float(error)


def _error(found: Means, needed: Means) -> float:
    return max(abs(a / b - 1) for a, b in zip(found, needed, strict=True))


def _prepared(
    work: Callable[[NDArray[Any], NDArray[Any]], object], dtype: str, points: int, dim: int
) -> Callable[[], object]:
    g, t = _drawn(dtype, points, dim)
    work(g[:10], t[:10])
    return partial(work, g, t)


def _drawn(dtype: str, points: int, dim: int) -> Arrays:
    """A gradient and the unit vectors it should be."""
    rng = np.random.default_rng(0)
    t = rng.standard_normal((points, dim), np.float32)
    t /= np.linalg.norm(t, axis=1, keepdims=True)
    g = rng.standard_normal((points, dim), np.float32)
    g *= np.float32(_NOISE / dim**0.5)
    g += t
    t = t.astype(dtype, copy=False)
    return g.astype(dtype, copy=False), t / np.linalg.norm(t, axis=1, keepdims=True)


if __name__ == "__main__":
    main()
