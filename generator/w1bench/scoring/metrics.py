"""The metrics of a submitted critic, each with its unit, direction and formula, and what rows of them are listed by.

With g_i = grad f(x_i), t_i = grad f*(x_i), r_i = ||g_i||: cos = mean <g_i, t_i> / (||g_i|| ||t_i||) and
L2 = mean ||g_i - t_i||^2 as in Korotin, Kolesov, Burnaev (NeurIPS 2022), section 5. The W1 estimate uses the stored f* as a
control variate: W1 + mean (f - f*)(x_i) - mean (f - f*)(y_j) is unbiased for E_P f - E_Q f and exact for f = f*.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Literal

import numpy as np

from w1bench.arrays import F64
from w1bench.scoring.scorecard import Interval
from w1bench.scoring.statistics import Means

METRIC_VERSION = 1  # raised whenever a metric's value may change for the same submission by more than 1e-7 of it


@dataclass(frozen=True)
class Metric:
    """A figure of a scorecard: a formula of means over the test points, or over resamples of them."""

    name: str
    unit: str
    better: Literal["higher", "lower", "nearer to W1"]
    needs: tuple[str, ...]  # the arrays of a submission it is computed from
    meaning: str
    compute: Callable[[Means], F64]

    def badness(self, interval: Interval | None, w1: float | None) -> float:
        """A sort key of values on a pair of distance `w1`, the best first; infinite where it cannot be told."""
        if interval is None:
            return inf
        if self.better == "nearer to W1":
            return inf if w1 is None else abs(interval.value - w1)
        return -interval.value if self.better == "higher" else interval.value


def _cos(means: Means) -> F64:
    return means.cosine


def _l2(means: Means) -> F64:
    return means.square_error


def _w1_raw(means: Means) -> F64:
    assert means.input_potential is not None
    assert means.target_potential is not None
    return means.input_potential - means.target_potential


def _w1_estimate(means: Means) -> F64:
    assert means.input_gap is not None
    assert means.target_gap is not None
    return means.w1 + means.input_gap - means.target_gap


def _dev(means: Means) -> F64:
    return 100 * np.abs(means.w1 - _w1_estimate(means)) / means.w1


_VALUES = ("input_potential", "target_potential")
METRICS: dict[str, Metric] = {
    "cos": Metric("cos", "1", "higher", ("gradient",), "mean cosine between grad f and grad f*", _cos),
    "l2": Metric("l2", "1", "lower", ("gradient",), "mean ||grad f - grad f*||^2", _l2),
    "dev": Metric("dev", "%", "lower", _VALUES, "100 |W1 - w1_estimate| / W1", _dev),
    "w1_estimate": Metric(
        "w1_estimate", "distance", "nearer to W1", _VALUES,
        "E_P f - E_Q f, with the sampling noise taken out by f*", _w1_estimate,
    ),
    "w1_raw": Metric(
        "w1_raw", "distance", "nearer to W1", _VALUES,
        "mean f(x_i) - mean f(y_j), as published", _w1_raw,
    ),
}  # fmt: skip
HEADLINE = "cos"
RANKING = (HEADLINE, "l2")  # the figures of gradients, which rank; those of values alone can be right by chance
SHOWN = (*RANKING, "dev")  # in tables for people: what ranks, and what is published beside it
_BOUNDS = {"": "value", "_low": "low", "_high": "high"}
COLUMNS = tuple(metric + suffix for metric in METRICS for suffix in _BOUNDS)


def cells(metrics: Mapping[str, Interval | None]) -> list[float | None]:
    """What stands in COLUMNS: of every metric its value and the bounds of its interval, None where it has none."""
    intervals = (metrics.get(name) for name in METRICS)
    return [interval and getattr(interval, bound) for interval in intervals for bound in _BOUNDS.values()]


def as_csv(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Comma-separated values: a line a row, below one of the columns' names; None is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
