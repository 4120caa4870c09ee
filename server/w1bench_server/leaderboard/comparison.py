"""Paired comparison of two scores: the difference of their metrics over the same resamples of a pair's test points.

The resamples depend on the pair alone (see `w1bench.scoring.bootstrap`), so that the luck of the test points, which both
submissions share, cancels. Two are tied where it is at most three of its bootstrap standard errors, and has not the same sign in all
resamples: a standard error is as large as one huge term in a mean, but such a term does not make the better one worse where it is not drawn.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from w1bench.scoring.scorecard import LEVEL, Scorecard

TIE_ERRORS = 3.0  # a board makes many comparisons: at 95 %, one in twenty of equals would differ
_ROUNDING = 1e-12
Resampled = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Compared:
    """A score for comparison: its card, and its metrics over the resamples, where they were kept."""

    card: Scorecard
    resampled: Resampled | None


@dataclass(frozen=True)
class Difference:
    """The difference a - b of two values of a metric, with its paired 95 % interval; `tied` where it may be noise alone."""

    a: float
    b: float
    difference: float
    low: float
    high: float
    tied: bool


def unpacked(card: Scorecard, resampled: bytes) -> Resampled:
    """The metrics over the resamples, (RESAMPLES,) each, from the bytes beside a card (`w1bench.scoring.score.Scored`)."""
    names = [name for name, interval in card.metrics.items() if interval is not None]
    return dict(zip(names, np.frombuffer(resampled, "<f8").reshape(len(names), -1), strict=True))


def difference(a: Compared, b: Compared, metric: str) -> Difference | None:
    """The difference in a metric; None where a score lacks the value or resamples, or the metric versions differ."""
    values = [score.card.metrics.get(metric) for score in (a, b)]
    if None in values or a.resampled is None or b.resampled is None or a.card.metric_version != b.card.metric_version:
        return None
    resampled = a.resampled[metric] - b.resampled[metric]
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    x, y = (interval.value for interval in values if interval is not None)
    return Difference(x, y, x - y, float(low), float(high), _is_noise(x - y, resampled))


def reason(a: tuple[str, Compared], b: tuple[str, Compared], metric: str) -> str | None:
    """Why two named scores have no difference in a metric; None where they have one."""
    for name, score in (a, b):
        if score.card.metrics.get(metric) is None:
            return f"{name} has no {metric}: {score.card.missing.get(metric, 'it was not computed')}"
        if score.resampled is None:
            return f"the resamples of {name} were not kept"
    if a[1].card.metric_version != b[1].card.metric_version:
        return "the two were scored by different metric versions"
    return None


def tied(a: Compared, b: Compared, metric: str) -> bool:
    """Whether two scores differ by noise alone; without resamples, only where they are equal."""
    if paired := difference(a, b, metric):
        return paired.tied
    return a.card.metrics.get(metric) == b.card.metrics.get(metric)


def _is_noise(difference: float, resampled: NDArray[np.float64]) -> bool:
    if abs(difference) <= _ROUNDING:
        return True
    return abs(difference) <= TIE_ERRORS * _standard_error(resampled) and bool(resampled.min() <= 0 <= resampled.max())


def _standard_error(resampled: NDArray[np.float64]) -> float:
    """Their standard deviation; scaled, because the square of a legal figure may overflow."""
    scale = float(np.abs(resampled).max())
    return scale * float((resampled / scale).std()) if scale > 0 else 0.0
