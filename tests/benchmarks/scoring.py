"""Scoring: the sums behind cos and L2 in our blocks, beside whole arrays in plain numpy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from memory import extra_memory
from numpy.typing import NDArray
from report import parse, publish, table
from timing import medians, once

from w1bench.scoring.statistics import gradient_points

_SHAPES = {"float32": (10_000, 12_288), "float64": (10_000, 128)}
_QUICK_ROWS = 1000
_NOISE = 0.5  # ||g - t||, about

_EXPLANATION = """\
Median over runs in turn, on one thread; GB/s are those of the gradient and the truth together. Plain: `(g * t).sum(1)` over the product
of `np.linalg.norm`s, and `((g - t) ** 2).sum(1)`, in the dtype of the arrays. One product: `np.dot(g, t)`, which reads both once
and is what memory allows. Extra memory: beyond the two arrays. Error: of mean cos and of mean L2 against float64, the larger one,
relative."""

Arrays = tuple[NDArray[Any], NDArray[Any]]
Means = tuple[float, float]


def main() -> None:
    run = parse("scoring", __doc__)
    rows = [
        row
        for dtype, (points, dim) in _SHAPES.items()
        for row in _measure(dtype, _QUICK_ROWS if run.quick else points, dim)
    ]
    header = ("points", "sums", "ms", "GB/s", "ratio", "extra MB", "error")
    publish(run, "Scoring", [_EXPLANATION, table(header, rows)], packages=("w1bench", "numpy"))


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
    return g.astype(dtype, copy=False), t.astype(dtype, copy=False)


if __name__ == "__main__":
    main()
