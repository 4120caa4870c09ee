"""Bootstrap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from w1bench.arrays import F64
from w1bench.rng import stream
from w1bench.scoring.metrics import Mean, Metric
from w1bench.scoring.scorecard import LEVEL, RESAMPLES, Interval
from w1bench.scoring.statistics import Points

_RESAMPLES_AT_ONCE = 25


def resample(seed: str, points: Points, metrics: list[Metric]) -> dict[str, F64]:
    """Metrics over resamples that depend on `seed` alone, so that two submissions to a pair are compared in pairs."""
    n = len(points.cosine)
    samples: dict[str, list[F64]] = {metric.name: [] for metric in metrics}
    for start in range(0, RESAMPLES, _RESAMPLES_AT_ONCE):
        rng = stream(0, f"bootstrap/{seed}", start)
        inputs, targets = (_resampled_mean(_resample_counts(rng, n)) for _ in range(2))
        for metric in metrics:
            samples[metric.name].append(metric.compute(points, inputs, targets))
    return {name: np.concatenate(parts) for name, parts in samples.items()}


def bootstrap_interval(metric: Metric, points: Points, resampled: F64) -> Interval:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    value = metric.compute(points, _plain_mean, _plain_mean)
    return Interval(value=float(value), low=float(low), high=float(high))


def _resample_counts(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """How often each of n points is drawn with replacement: (resamples, n)."""
    draws = (rng.integers(n, size=n) for _ in range(_RESAMPLES_AT_ONCE))
    return np.stack([np.bincount(draw, minlength=n) for draw in draws]).astype(np.float64)


def _resampled_mean(counts: F64) -> Mean:
    return lambda terms: counts @ terms / len(terms)


def _plain_mean(terms: F64) -> F64:
    return terms.mean()
