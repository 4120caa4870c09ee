"""Comparison of two scores in pairs: their metrics over the same resamples of a pair's test points.

The resamples depend on the pair alone (see `w1bench.scorecard`), so that what two submissions share, the luck of the test
points, falls out of the difference. Two are tied where it is at most three of its bootstrap standard errors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from w1bench.scoring.scorecard import LEVEL, Scorecard

TIE_ERRORS = 3.0  # a board compares many: at 95 %, one in twenty of equal ones would differ
_ROUNDING = 1e-12
Resampled = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Compared:
    """A score that can be compared: its card, and its metrics over the resamples, where they were kept."""

    card: Scorecard
    resampled: Resampled | None


@dataclass(frozen=True)
class Difference:
    """A metric's values, their difference a - b with its 95 % interval, paired; `tied` where that is no more than noise."""

    a: float
    b: float
    difference: float
    low: float
    high: float
    tied: bool


def unpacked(card: Scorecard, resampled: bytes) -> Resampled:
    """The metrics over the resamples, (RESAMPLES,) each, as `w1bench.scorecard.Scored` has them beside its card."""
    names = [name for name, interval in card.metrics.items() if interval is not None]
    return dict(zip(names, np.frombuffer(resampled, "<f8").reshape(len(names), -1), strict=True))


def difference(a: Compared, b: Compared, metric: str) -> Difference | None:
    """The difference in a metric; None where one has no value, no resamples, or another metric version."""
    values = [score.card.metrics.get(metric) for score in (a, b)]
    if None in values or a.resampled is None or b.resampled is None:
        return None
    if a.card.metric_version != b.card.metric_version:
        return None
    resampled = a.resampled[metric] - b.resampled[metric]
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    x, y = (interval.value for interval in values if interval is not None)
    tied = abs(x - y) <= TIE_ERRORS * _standard_error(resampled) + _ROUNDING
    return Difference(x, y, x - y, float(low), float(high), tied)


def tied(a: Compared, b: Compared, metric: str) -> bool:
    """Whether two scores differ by noise alone; without resamples, only where they are equal."""
    if found := difference(a, b, metric):
        return found.tied
    return a.card.metrics.get(metric) == b.card.metrics.get(metric)


def _standard_error(resampled: NDArray[np.float64]) -> float:
    """Their standard deviation; scaled, because the square of a legal figure may overflow."""
    scale = float(np.abs(resampled).max())
    return scale * float((resampled / scale).std()) if scale > 0 else 0.0
