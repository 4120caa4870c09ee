"""A method's seeds as one row: their mean, with an interval over seeds and test points together, and whether two methods differ.

The variance of a mean over n seeds is that over the test points, which all seeds share, plus s^2 / n of the seeds. Intervals take
Cochran's quantile (Biometrics 20, 1964), the mean of the normal one and Student's t of n - 1 degrees of freedom, each weighed by its part of the
variance: with the degrees of freedom of Satterthwaite (Biometrics Bulletin 2, 1946), three seeds that vary twice as much as the
points give 92.5 % instead of 95. Ties take Satterthwaite's, because intervals that err on the wide side would hide differences.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, inf, sqrt
from statistics import fmean

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
    def points_error(self) -> float:
        """The standard error over test points, of the mean over seeds."""
        if (values := self.over_points) is not None:
            return _deviation(values)
        widths = [i.high - i.low for i in self.intervals if i.low is not None and i.high is not None]
        return fmean(widths) / (2 * _NORMAL) if widths else 0.0

    @property
    def seed_deviation(self) -> float | None:
        """The standard deviation of one seed; None where there is only one."""
        values = np.array([interval.value for interval in self.intervals])
        return _deviation(values) * sqrt(len(values) / (len(values) - 1)) if len(values) > 1 else None


def combined(sample: Sample, *, bounds: tuple[float, float] = (-inf, inf)) -> Interval:
    """The row's interval: a single seed's own, else the mean over seeds with its interval over seeds and test points, within what the metric can be."""
    spread = sample.seed_deviation
    if spread is None or any(interval.low is None for interval in sample.intervals):
        return sample.intervals[0] if spread is None else Interval(value=sample.value, low=None, high=None)
    seeds = len(sample.intervals)
    width = _width(sample.points_error, spread / sqrt(seeds), seeds - 1)
    least, most = bounds
    return Interval(value=sample.value, low=max(sample.value - width, least), high=min(sample.value + width, most))


def are_tied(a: Sample, b: Sample) -> bool:
    """Whether two methods differ by noise alone: by at most three standard errors of the difference, more where few seeds say how large that is.

    Test points are shared: where resamples were kept the difference is taken at each, else both count as independent. A method with one seed
    is taken to vary like the one it is compared with. Of two that have one seed each, the difference must not have the same sign in all resamples, either,
    because a standard error is as large as one huge term in a mean, but such a term does not make the better one worse where it is not drawn.
    """
    difference = abs(a.value - b.value)
    if difference <= _ROUNDING:
        return True
    x, y = a.over_points, b.over_points
    paired = None if x is None or y is None else x - y
    points = [(a.points_error, inf), (b.points_error, inf)] if paired is None else [(_deviation(paired), inf)]
    known = [spread for spread in (a.seed_deviation, b.seed_deviation) if spread is not None]
    if not known:
        has_one_sign = paired is not None and not paired.min() <= 0 <= paired.max()
        return difference <= TIE_ERRORS * _sum(points)[0] and not has_one_sign
    for sample in (a, b):
        spread, seeds = sample.seed_deviation, len(sample.intervals)
        points.append(((fmean(known) if spread is None else spread) / sqrt(seeds), max(seeds, 2) - 1))
    error, degrees = _sum(points)
    return difference <= max(TIE_ERRORS, student(degrees)) * error


def student(degrees: float) -> float:
    """The 97.5 % quantile of Student's t, to a hundredth."""
    known = sorted((1 / each, quantile) for each, quantile in _STUDENT.items())
    return float(np.interp(1 / degrees, [inverse for inverse, _ in known], [quantile for _, quantile in known]))


def _width(of_points: float, of_seeds: float, degrees: int) -> float:
    """Half of a 95 % interval by Cochran's quantile."""
    error = hypot(of_points, of_seeds)
    if error == 0:
        return 0.0
    share = (of_seeds / error) ** 2
    return error * ((1 - share) * _NORMAL + share * student(degrees))


def _sum(errors: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The error of a sum of independent terms, each with its own error and degrees of freedom, and its effective degrees of freedom."""
    total = hypot(*(error for error, _ in errors))
    inverse = sum((error / total) ** 4 / degrees for error, degrees in errors) if total > 0 else 0.0
    return total, 1 / inverse if inverse > 0 else inf


def _deviation(values: F64) -> float:
    """Scaled, because the square of a legal figure may overflow."""
    scale = float(np.abs(values).max())
    return scale * float((values / scale).std()) if scale > 0 else 0.0
