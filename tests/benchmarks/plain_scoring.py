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
    return intervals, resampled


def steepest_slope(test: Mapping[str, NDArray[Any]], submission: Mapping[str, NDArray[Any]]) -> float:
    """max |f(a) - f(b)| / ||a - b|| over all pairs of the first 1024 inputs and targets."""
    x = np.concatenate([test[name][:_FIRST] for name in ("input", "target")])
    f = np.concatenate([submission[name][:_FIRST] for name in ("input_potential", "target_potential")])
    square = np.vecdot(x, x)
    rise = np.abs(f[:, None] - f[None, :])
    run = np.sqrt(np.maximum(square[:, None] + square[None, :] - 2 * (x @ x.T), 0))
    slope = np.divide(rise, run, out=np.zeros_like(rise), where=run > 0)
    first, second = np.unravel_index(np.argsort(slope, axis=None)[-_CANDIDATES:], slope.shape)
    exact = np.linalg.norm(x[first] - x[second], axis=1)
    return float(np.divide(rise[first, second], exact, out=np.zeros_like(exact), where=exact > 0).max())


def _metrics(
    w1: float, test: Mapping[str, NDArray[Any]], submission: Mapping[str, NDArray[Any]]
) -> dict[str, Callable[[Any, Any], Any]]:
    """Each as a function of how means over inputs and over targets are taken."""
    g, t = submission["gradient"].astype(np.float64), test["gradient"].astype(np.float64)
    cosine = (g * t).sum(1) / (np.linalg.norm(g, axis=1) * np.linalg.norm(t, axis=1))
    error = ((g - t) ** 2).sum(1)
    metrics: dict[str, Callable[[Any, Any], Any]] = {
        "cos": lambda inputs, targets: inputs(cosine),
        "l2": lambda inputs, targets: inputs(error),
    }
    if "input_potential" in submission:
        fx, fy = submission["input_potential"], submission["target_potential"]
        at_x, at_y = fx - test["input_potential"], fy - test["target_potential"]
        metrics |= {
            "dev": lambda inputs, targets: 100 * np.abs(w1 - (w1 + inputs(at_x) - targets(at_y))) / w1,
            "w1_estimate": lambda inputs, targets: w1 + inputs(at_x) - targets(at_y),
            "w1_raw": lambda inputs, targets: inputs(fx) - targets(fy),
        }
    return metrics


def _counts(rng: np.random.Generator, count: int) -> F64:
    """How often each of `count` points is drawn with replacement: (resamples, count)."""
    draws = (rng.integers(count, size=count) for _ in range(_AT_ONCE))
    return np.stack([np.bincount(draw, minlength=count) for draw in draws]).astype(np.float64)


def _mean_of(counts: F64) -> Callable[[F64], F64]:
    return lambda terms: counts @ terms / len(terms)
