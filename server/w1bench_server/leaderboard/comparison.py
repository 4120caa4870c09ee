"""Paired comparison of two scores: the difference of their metrics over the same resamples of a pair's test points.

The resamples depend on the pair alone (see `w1bench.scoring.intervals.bootstrap`), so that the luck of the test points, which both
submissions share, cancels. Where the resamples of one were not kept, the points count as independent. Two methods are tied where they differ by noise alone, that of their seeds included (`w1bench.scoring.intervals.seeds`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot

import numpy as np
from numpy.typing import NDArray

from w1bench.scoring.intervals.seeds import Sample, are_tied
from w1bench.scoring.metrics import METRICS
from w1bench.scoring.scorecard import LEVEL, Scorecard

_TWO_SIDED = 1.959964
_AGAIN = "submissions are scored again when their service starts, and reference rows are made again by `w1bench trial`"
Resampled = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Compared:
    """A score for comparison: its card, and its metrics over the resamples, where they were kept."""

    card: Scorecard
    resampled: Resampled | None


@dataclass(frozen=True)
class Difference:
    """The difference a - b of two values of a metric, with its 95 % interval, `paired` where the resamples of both were kept, and else as wide as
    that of independent test points; `tied` where it may be noise alone."""

    a: float
    b: float
    difference: float
    low: float
    high: float
    tied: bool
    paired: bool = True


def unpacked(card: Scorecard, resampled: bytes) -> Resampled:
    """The metrics over the resamples, (RESAMPLES,) each, from the bytes beside a card (`w1bench.scoring.score.Scored`)."""
    names = [name for name, interval in card.metrics.items() if interval is not None]
    return dict(zip(names, np.frombuffer(resampled, "<f8").reshape(len(names), -1), strict=True))


def difference(a: Compared, b: Compared, metric: str) -> Difference | None:
    """The difference in a metric; None where a score lacks the value or its interval, or the metric versions differ."""
    x, y = sample([a], metric), sample([b], metric)
    if x is None or y is None or not _are_comparable([a, b], metric):
        return None
    if a.resampled is None or b.resampled is None:
        return _of_intervals(x, y)
    resampled = a.resampled[metric] - b.resampled[metric]
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Difference(x.value, y.value, x.value - y.value, float(low), float(high), are_tied(x, y))


def _of_intervals(x: Sample, y: Sample) -> Difference | None:
    """The difference by the intervals of both alone, if both have one."""
    if any(interval.low is None or interval.high is None for of_it in (x, y) for interval in of_it.intervals):
        return None
    value, half = x.value - y.value, _TWO_SIDED * hypot(x.points_error, y.points_error)
    return Difference(x.value, y.value, value, value - half, value + half, are_tied(x, y), paired=False)


def reason(a: tuple[str, Compared], b: tuple[str, Compared], metric: str) -> str | None:
    """Why two named scores have no difference in a metric; None where they have one."""
    for name, score in (a, b):
        if (version := score.card.metric_version) < METRICS[metric].since and metric not in score.card.metrics:
            return f"metric version {version}, by which {name} was scored, does not have it; {_AGAIN}"
        if (interval := score.card.metrics.get(metric)) is None:
            return f"{name} has no {metric}: {score.card.missing.get(metric, 'it was not computed')}"
        if interval.low is None or interval.high is None:
            return f"the {metric} of {name} has no interval"
    if not _are_comparable([a[1], b[1]], metric):
        return "the two were scored by different metric versions, between which it changed"
    return None


def tied(a: Sequence[Compared], b: Sequence[Compared], metric: str) -> bool:
    """Whether two methods, each by the scores of its seeds, differ by noise alone; by different metric versions, only where they are equal."""
    x, y = sample(a, metric), sample(b, metric)
    if x is None or y is None:
        return x is y
    return are_tied(x, y) if _are_comparable([*a, *b], metric) else x.value == y.value


def sample(scores: Sequence[Compared], metric: str) -> Sample | None:
    """A metric of a method from the scores of its seeds; None where one lacks it."""
    intervals = [interval for score in scores if (interval := score.card.metrics.get(metric)) is not None]
    if len(intervals) < len(scores):
        return None
    return Sample(intervals, [None if score.resampled is None else score.resampled[metric] for score in scores])


def _are_comparable(scores: Sequence[Compared], metric: str) -> bool:
    """Whether the metric versions that scored them define the metric in the same way."""
    versions = {score.card.metric_version for score in scores}
    return len(versions) == 1 or min(versions) >= METRICS[metric].since
