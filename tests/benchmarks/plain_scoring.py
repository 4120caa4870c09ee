"""A scorecard's figures by their definitions: whole arrays, every resample drawn anew, and the slopes of all pairs sorted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w1bench.rng import stream

F64 = NDArray[np.float64]
_RESAMPLES, _AT_ONCE, _LEVEL = 1000, 25, 0.95
_FIRST, _CANDIDATES = 1024, 64


def scored(
    digest: str, w1: float, test: Mapping[str, NDArray[Any]], submission: Mapping[str, NDArray[Any]]
) -> tuple[dict[str, tuple[float, float, float]], dict[str, F64]]:
    """Of every metric that the submission has data for: value, low and high, and its resamples, (1000,)."""
    metrics = _metrics(w1, test, submission)
    parts: dict[str, list[F64]] = {name: [] for name in metrics}
    for start in range(0, _RESAMPLES, _AT_ONCE):
        rng = stream(0, f"bootstrap/{digest}", start)
        inputs, targets = (_mean_of(_counts(rng, len(test["gradient"]))) for _ in range(2))
        for name, metric in metrics.items():
            parts[name].append(metric(inputs, targets))
    resampled = {name: np.concatenate(values) for name, values in parts.items()}
    tail = (1 - _LEVEL) / 2
    intervals = {
        name: (float(metric(np.mean, np.mean)), *map(float, np.quantile(resampled[name], [tail, 1 - tail])))
        for name, metric in metrics.items()
    }
    if "dev" in intervals:  # a size, whose interval holds 0 where that of the figure with its sign does
        intervals["dev"] = (abs(intervals["dev"][0]), *_sizes(*intervals["dev"][1:]))
        resampled["dev"] = np.abs(resampled["dev"])
    return intervals, resampled


def slope_at_least(test: Mapping[str, NDArray[Any]], submission: Mapping[str, NDArray[Any]]) -> float:
    """max (|f(a) - f(b)| - allowance) / ||a - b|| over all pairs of the first 1024 inputs and targets that are not too near."""
    x = np.concatenate([test[name][:_FIRST] for name in ("input", "target")])
    f = np.concatenate([submission[name][:_FIRST] for name in ("input_potential", "target_potential")])
    allowance = 16 * np.finfo(f.dtype).eps * (np.abs(f).max() + np.linalg.norm(x, axis=1).max())
    least = 1e-3 * np.linalg.norm(x - x.mean(0), axis=1).mean()
    steepest = 0.0
    for a, value in zip(x, f, strict=True):
        run = np.linalg.norm(x - a, axis=1)
        apart = run > least
        steepest = max(steepest, ((np.abs(f - value) - allowance)[apart] / run[apart]).max(initial=0))
    return float(steepest)


def _metrics(
    w1: float, test: Mapping[str, NDArray[Any]], submission: Mapping[str, NDArray[Any]]
) -> dict[str, Callable[[Any, Any], Any]]:
    """Each as a function of how means over inputs and over targets are taken."""
    g, t, x, y = (
        np.asarray(array, np.float64)
        for array in (submission["gradient"], test["gradient"], test["input"], test["transported"])
    )
    cosine, error, distance = _cosines(g, t), ((g - t) ** 2).sum(1), np.linalg.norm(x - y, axis=1)
    mean_q, constant = np.concatenate([test["target"], y]).mean(0), (x - y).mean(0)
    trivial = max((_cosines(mean_q - x, t), _cosines(np.tile(constant, (len(x), 1)), t), 0 * cosine), key=np.mean)
    metrics: dict[str, Callable[[Any, Any], Any]] = {"cos": lambda inputs, targets: inputs(cosine)}
    if trivial.mean() < 0.99:
        metrics["skill"] = lambda inputs, targets: (inputs(cosine) - inputs(trivial)) / (1 - inputs(trivial))
    for count in (8, 64, 512):
        z = _influence(g, t, np.linalg.norm(x[:, None] - x[None, :count], axis=2).argmin(1))
        metrics[f"pooled_{count}"] = lambda inputs, targets, z=z: inputs(z)
    for name, step in (("quarter", w1 / 4), ("full", w1)):
        gained, own = ((distance - np.linalg.norm(x - step * v - y, axis=1)) / step for v in (g, t))
        if own.mean() >= 0.1:
            metrics[f"progress_{name}"] = lambda inputs, targets, a=gained, b=own: inputs(a) / inputs(b)
    metrics["l2"] = lambda inputs, targets: inputs(error)
    if "input_potential" in submission:
        values = [(submission[name], test[name]) for name in ("input_potential", "target_potential")]
        (fx, _), (fy, _) = values
        beta = np.empty(len(fx))
        for half in (0, 1):
            other = [(f[1 - half :: 2], t[1 - half :: 2]) for f, t in values]
            moments = [(np.cov(f, t, bias=True) * len(f))[:, 1] if len(f) else np.zeros(2) for f, t in other]
            product, square = np.sum(moments, axis=0)
            beta[half::2] = product / square if square > 0 else 0
        rest_x, rest_y = fx - beta * (values[0][1] - w1), fy - beta * values[1][1]
        metrics |= {
            "dev": lambda inputs, targets: 100 * (inputs(rest_x) - targets(rest_y) - w1) / w1,
            "w1_estimate": lambda inputs, targets: inputs(rest_x) - targets(rest_y),
            "w1_raw": lambda inputs, targets: inputs(fx) - targets(fy),
        }
    return metrics


def _influence(g: F64, t: F64, group: NDArray[np.intp]) -> F64:
    """z of every point, whose mean is the pooled cosine: the group's cosine, and how it changes with the point's weight."""
    z = np.empty(len(g))
    for number in np.unique(group):
        own = group == number
        a, b = g[own].mean(0), t[own].mean(0)
        cosine = float(_cosines(a[None], b[None])[0])
        u = (b / np.linalg.norm(b) - cosine * a / np.linalg.norm(a)) / np.linalg.norm(a)
        v = (a / np.linalg.norm(a) - cosine * b / np.linalg.norm(b)) / np.linalg.norm(b)
        z[own] = cosine + (g[own] - a) @ u + (t[own] - b) @ v
    return z


def _cosines(a: F64, b: F64) -> F64:
    return (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))


def _sizes(low: float, high: float) -> tuple[float, float]:
    return (0.0 if low <= 0 <= high else min(abs(low), abs(high))), max(abs(low), abs(high))


def _counts(rng: np.random.Generator, count: int) -> F64:
    """How often each of `count` points is drawn with replacement: (resamples, count)."""
    draws = (rng.integers(count, size=count) for _ in range(_AT_ONCE))
    return np.stack([np.bincount(draw, minlength=count) for draw in draws]).astype(np.float64)


def _mean_of(counts: F64) -> Callable[[F64], F64]:
    return lambda terms: counts @ terms / len(terms)
