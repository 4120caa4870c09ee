"""A method's seeds as one row: their mean, with an interval over seeds and test points together, and whether two methods differ.

The variance of a mean over n seeds is that over the test points, which all seeds share, plus s^2 / n of the seeds; quantiles are
Student's t with the degrees of freedom of Satterthwaite (Biometrics Bulletin 2, 1946), between n - 1 and infinity.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt
from statistics import fmean, variance

import numpy as np

from w1bench.arrays import F64
from w1bench.scoring.scorecard import Interval

TIE_ERRORS = 3.0  # a board makes many comparisons: at 95 %, one in twenty of equals would differ
_ROUNDING = 1e-12
_NORMAL = 1.959964
# The 97.5 % quantile of Student's t by degrees of freedom; between them it is nearly linear in their reciprocals.
_STUDENT = {
    1: 12.7062,
    2: 4.3027,
    3: 3.1824,
    4: 2.7764,
    5: 2.5706,
    6: 2.4469,
    8: 2.3060,
    12: 2.1788,
    20: 2.0860,
    60: 2.0003,
    inf: _NORMAL,
}


@dataclass(frozen=True)
class Sample:
    """A metric of one method: its intervals seed by seed, and the values of each over the resamples, None where they were not kept."""

    intervals: Sequence[Interval]
    resampled: Sequence[F64 | None]

    @property
    def value(self) -> float:
        """The mean over seeds."""
        return fmean(interval.value for interval in self.intervals)

    @property
    def over_points(self) -> F64 | None:
        """The mean over seeds at each resample, if all were kept."""
        kept = [values for values in self.resampled if values is not None]
        return np.mean(kept, axis=0) if len(kept) == len(self.resampled) else None

    @property
    def points_variance(self) -> float:
        """Over test points, of the mean over seeds."""
        if (values := self.over_points) is not None:
            return _variance(values)
        widths = [i.high - i.low for i in self.intervals if i.low is not None and i.high is not None]
        return (fmean(widths) / (2 * _NORMAL)) ** 2 if widths else 0.0

    @property
    def seed_variance(self) -> float | None:
        """Of one seed; None where there is only one."""
        values = [interval.value for interval in self.intervals]
        return variance(values) if len(values) > 1 else None


def combined(sample: Sample, *, is_size: bool = False) -> Interval:
    """The row's interval: a single seed's own, else the mean over seeds with its interval over seeds and test points."""
    spread = sample.seed_variance
    if spread is None or any(interval.low is None for interval in sample.intervals):
        return sample.intervals[0] if spread is None else Interval(value=sample.value, low=None, high=None)
    parts = [(sample.points_variance, inf), (spread / len(sample.intervals), len(sample.intervals) - 1)]
    error = student(_degrees(parts)) * sqrt(sum(part for part, _ in parts))
    low = sample.value - error
    return Interval(value=sample.value, low=max(low, 0.0) if is_size else low, high=sample.value + error)


def are_tied(a: Sample, b: Sample) -> bool:
    """Whether two methods differ by noise alone: by at most three standard errors of the difference, more where few seeds say how large that is.

    Test points are shared: where resamples were kept the difference is taken at each, else both count as independent. A method with one seed
    is taken to vary like the one it is compared with. Of two that have one seed each, the difference must have the same sign in all resamples, too,
    because a standard error is as large as one huge term in a mean, but such a term does not make the better one worse where it is not drawn.
    """
    difference = abs(a.value - b.value)
    if difference <= _ROUNDING:
        return True
    of_points = None
    if (x := a.over_points) is not None and (y := b.over_points) is not None:
        of_points = x - y
    points = a.points_variance + b.points_variance if of_points is None else _variance(of_points)
    spreads = [spread for spread in (a.seed_variance, b.seed_variance) if spread is not None]
    if not spreads:
        same_sign = of_points is not None and not of_points.min() <= 0 <= of_points.max()
        return difference <= TIE_ERRORS * sqrt(points) and not same_sign
    parts = [(points, inf)]
    for sample in (a, b):
        spread = sample.seed_variance
        freedom = max(len(sample.intervals), 2) - 1
        parts.append(((fmean(spreads) if spread is None else spread) / len(sample.intervals), freedom))
    return difference <= max(TIE_ERRORS, student(_degrees(parts))) * sqrt(sum(part for part, _ in parts))


def student(degrees: float) -> float:
    """The 97.5 % quantile of Student's t, to a hundredth."""
    known = sorted((1 / each, quantile) for each, quantile in _STUDENT.items())
    return float(np.interp(1 / degrees, [inverse for inverse, _ in known], [quantile for _, quantile in known]))


def _degrees(parts: Sequence[tuple[float, float]]) -> float:
    """The effective degrees of freedom of a sum of variances, each with its own."""
    total = sum(part for part, _ in parts)
    inverse = sum((part / total) ** 2 / degrees for part, degrees in parts) if total > 0 else 0.0
    return 1 / inverse if inverse > 0 else inf


def _variance(resampled: F64) -> float:
    """Scaled, because the square of a legal figure may overflow."""
    scale = float(np.abs(resampled).max())
    return (scale * float((resampled / scale).std())) ** 2 if scale > 0 else 0.0
