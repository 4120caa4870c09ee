"""The metrics of a submitted critic, each with its unit, direction and formula, and what rows of them are listed by.

With g_i = grad f(x_i), t_i = grad f*(x_i), r_i = ||g_i||: cos = mean <g_i, t_i> / (||g_i|| ||t_i||) and
L2 = mean ||g_i - t_i||^2 as in Korotin, Kolesov, Burnaev (NeurIPS 2022), section 5. The W1 estimate uses the stored f* as a
control variate, with a fitted coefficient: it is unbiased for E_P f - E_Q f, and exact for f = f*.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Literal

from w1bench.arrays import F64
from w1bench.scoring.baseline.groups import COUNTS
from w1bench.scoring.scorecard import Interval
from w1bench.scoring.statistics import Means

METRIC_VERSION = 2  # raised whenever a metric's value may change for the same submission by more than 1e-7 of it


@dataclass(frozen=True)
class Metric:
    """A figure of a scorecard: a formula of means over the test points, or over resamples of them."""

    name: str
    unit: str
    better: Literal["higher", "lower", "nearer to W1"]
    needs: tuple[str, ...]  # the arrays of a submission it is computed from
    meaning: str
    compute: Callable[[Means, float], F64]  # from the means and W1
    is_size: bool = False  # whether it is the size of what `compute` gives, whose sign the interval needs
    since: int = METRIC_VERSION  # the version that defined it as it is

    @property
    def bounds(self) -> tuple[float, float]:
        """What it cannot be less and more than."""
        if self.name == "cos" or self.name.startswith("pooled_"):
            return -1.0, 1.0
        return (0.0 if self.better == "lower" else -inf), (1.0 if self.name == "skill" else inf)

    def badness(self, interval: Interval | None, w1: float | None) -> float:
        """A sort key of values on a pair of distance `w1`, the best first; infinite where it cannot be told."""
        if interval is None:
            return inf
        if self.better == "nearer to W1":
            return inf if w1 is None else abs(interval.value - w1)
        return -interval.value if self.better == "higher" else interval.value


def _cos(means: Means, w1: float) -> F64:
    return means["cosine"]


def _skill(means: Means, w1: float) -> F64:
    trivial = means["trivial_cosine"]
    return (means["cosine"] - trivial) / (1 - trivial)


def _l2(means: Means, w1: float) -> F64:
    return means["square_error"]


def _w1_raw(means: Means, w1: float) -> F64:
    return means["input_potential"] - means["target_potential"]


def _w1_estimate(means: Means, w1: float) -> F64:
    return means["input_rest"] - means["target_rest"]


def _dev(means: Means, w1: float) -> F64:
    return 100 * (_w1_estimate(means, w1) - w1) / w1


def _pooled(count: int) -> Metric:
    name, gradients = f"pooled_{count}", f"mean gradients over {count} groups of near inputs"
    return Metric(
        name,
        "1",
        "higher",
        _GRADIENT,
        f"mean cosine between the {gradients} and the true ones",
        lambda means, _: means[name],
    )


def _progress(step: str, words: str) -> Metric:
    return Metric(
        f"progress_{step}", "1", "higher", _GRADIENT, f"how much of W1 a step of {words} along -grad f removes, as a share of what the truth's step removes",
        lambda means, _: means[f"gain_{step}"] / means[f"own_gain_{step}"],
    )  # fmt: skip


_GRADIENT = ("gradient",)
VALUES = ("input_potential", "target_potential")
_LIST = (
    Metric("cos", "1", "higher", _GRADIENT, "mean cosine between grad f and grad f*", _cos, since=1),
    Metric("skill", "1", "higher", _GRADIENT, "(cos - cos0) / (1 - cos0), cos0 that of the best trivial critic", _skill),
    *(_pooled(count) for count in COUNTS),
    _progress("quarter", "W1 / 4"),
    _progress("full", "W1"),
    Metric("l2", "1", "lower", _GRADIENT, "mean ||grad f - grad f*||^2", _l2, since=1),
    Metric("dev", "%", "lower", VALUES, "100 |W1 - w1_estimate| / W1", _dev, is_size=True),
    Metric(
        "w1_estimate", "distance", "nearer to W1", VALUES,
        "E_P f - E_Q f, with the sampling noise taken out by f*", _w1_estimate,
    ),
    Metric("w1_raw", "distance", "nearer to W1", VALUES, "mean f(x_i) - mean f(y_j), as published", _w1_raw, since=1),
)  # fmt: skip
METRICS: dict[str, Metric] = {metric.name: metric for metric in _LIST}
STEPS = {"quarter": 0.25, "full": 1.0}  # of progress, in units of W1
HEADLINE = "cos"
RANKING = (HEADLINE, "l2")  # the figures of gradients, which rank; those of values alone can be right by chance
SHOWN = (
    HEADLINE,
    "skill",
    "l2",
    "dev",
)  # in tables for people: what ranks, what is beyond trivial, and what is published beside it
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
