"""Rows of several seeds: their intervals hold, equals share a rank, better ones do not."""

from __future__ import annotations

import numpy as np
import pytest

from w1bench.scoring.intervals.seeds import Sample, are_tied, combined, student
from w1bench.scoring.metrics import METRICS
from w1bench.scoring.scorecard import RESAMPLES, Interval

SEED_ERROR, OWN_ERROR = 0.02, 0.01  # of a method's seeds, and of what test points do to one method and not to another


class World:
    """Methods over the same test points, whose luck is drawn once for all and once for each."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.shared = 0.02 * self.rng.standard_normal(RESAMPLES)

    def method(self, mean: float, seeds: int, *, kept: bool = True) -> Sample:
        luck = OWN_ERROR * self.rng.standard_normal()
        points = self.shared + OWN_ERROR * self.rng.standard_normal(RESAMPLES)
        values = mean + luck + SEED_ERROR * self.rng.standard_normal(seeds)
        width = 1.96 * float(points.std())
        intervals = [Interval(value=float(v), low=float(v) - width, high=float(v) + width) for v in values]
        return Sample(intervals, [v + points if kept else None for v in values])


@pytest.mark.parametrize("seeds", [(3, 3), (5, 5), (3, 1), (2, 10)])
def test_two_that_are_equal_but_for_seeds_share_a_rank_in_95_of_100_boards(seeds: tuple[int, int]) -> None:
    worlds = [World(number) for number in range(1000)]
    tied = sum(are_tied(*(world.method(0.5, count) for count in seeds)) for world in worlds)
    assert tied >= 950


@pytest.mark.parametrize(("seeds", "least"), [(3, 930), (5, 950), (10, 960)])
def test_one_better_by_five_standard_errors_does_not(seeds: int, least: int) -> None:
    """Even if the error were known, three of its estimates would be exceeded in 977 of 1,000 only."""
    error = np.sqrt(2 * (SEED_ERROR**2 / seeds + OWN_ERROR**2))
    worlds = [World(number) for number in range(1000)]
    apart = sum(not are_tied(world.method(0.5, seeds), world.method(0.5 + 5 * error, seeds)) for world in worlds)
    assert apart >= least


def test_without_resamples_both_intervals_count_as_independent() -> None:
    world = World(0)
    a, b, far = (world.method(value, 1, kept=False) for value in (0.5, 0.52, 0.9))
    assert are_tied(a, b)
    assert not are_tied(a, far)


@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_intervals_over_seeds_hold_the_mean(seeds: int, ratio: float) -> None:
    """`ratio` is how much seeds spread, mean for mean, as against test points."""
    shared = 0.02 * np.random.default_rng(0).standard_normal(RESAMPLES)
    held = 0
    for number in range(2000):
        rng = np.random.default_rng([seeds, number])
        values = 0.02 * rng.standard_normal() + 0.02 * ratio * np.sqrt(seeds) * rng.standard_normal(seeds)
        sample = Sample([Interval(value=float(v), low=-1, high=1) for v in values], [v + shared for v in values])
        row = combined(sample)
        assert row.value == pytest.approx(values.mean())
        assert row.low is not None
        assert row.high is not None
        held += row.low <= 0 <= row.high
    assert (0.93 if seeds == 2 else 0.938) <= held / 2000 <= 0.98


def test_a_single_seed_keeps_its_own_interval() -> None:
    sample = World(0).method(0.5, 1)
    assert combined(sample) == sample.intervals[0]


def test_quantiles_of_student() -> None:
    """From the tables; between them to a hundredth."""
    for degrees, quantile in ((1, 12.706), (2, 4.303), (7, 2.365), (10, 2.228), (30, 2.042), (1e9, 1.960)):
        assert student(degrees) == pytest.approx(quantile, abs=0.011)


def test_an_interval_stays_within_what_its_metric_can_be() -> None:
    """Three seeds say little of a spread, and Student's quantile would lead a cosine beyond 1."""
    intervals = [Interval(value=value, low=value - 0.01, high=value + 0.01) for value in (0.6, 0.9, 0.99)]
    sample = Sample(intervals, [None] * 3)
    free = combined(sample)
    assert free.high is not None
    assert free.high > 1
    for name, low, high in (("cos", free.low, 1.0), ("skill", free.low, 1.0), ("progress_full", free.low, free.high)):
        assert combined(sample, bounds=METRICS[name].bounds) == Interval(value=free.value, low=low, high=high)
    small = Sample([Interval(value=value, low=0.0, high=0.1) for value in (0.01, 0.02, 0.2)], [None] * 3)
    assert combined(small, bounds=METRICS["l2"].bounds).low == 0.0
