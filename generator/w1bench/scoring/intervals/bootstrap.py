"""The bootstrap of a scorecard: metrics over resamples of a pair's test points, and the intervals that these give.

The resamples depend on the pair alone, so that two submissions to it are compared in pairs, and so that how often each
point is drawn is kept from one submission to the next: drawing takes ten times as long as all else in a score.
"""

from collections.abc import Iterable, Iterator
from math import inf

import numpy as np
from numpy.typing import NDArray

from w1bench.arrays import F64
from w1bench.rng import stream
from w1bench.scoring.cache import Cache
from w1bench.scoring.scorecard import LEVEL, RESAMPLES, Interval
from w1bench.scoring.statistics import Means

_AT_ONCE = 25  # resamples that one stream draws
_IN_CACHE = 5  # of them that one product averages over, so that it finds their counts in the cache
_PAIRS_BYTES = 8 << 20  # of the means of statistics of pairs: 300 pairs
_KEPT_BYTES = 256 << 20  # of counts in a process: 12 pairs of 10,000 test points
# How often each of n inputs and n targets is drawn: (2, resamples, n). That one is drawn 256 times in n has odds below 1e-500.
Drawn = NDArray[np.uint8]


class Counts:
    """The counts of all resamples of the pairs that were scored last, at most `most_bytes` of them; threads may share them."""

    def __init__(self, most_bytes: int = _KEPT_BYTES) -> None:
        self._most_bytes = most_bytes
        self.kept = Cache[tuple[str, int], tuple[Drawn, ...]](most_bytes)

    def of(self, digest: str, points: int) -> Iterable[Drawn]:
        """The counts for a pair of this digest and number of points, some resamples at a time; large ones are never kept."""
        size = 2 * RESAMPLES * points
        if size > self._most_bytes:
            return _draw(digest, points)
        return self.kept.get((digest, points), lambda: tuple(_draw(digest, points)), lambda _: size)


_COUNTS = Counts()  # of this process


_OF_PAIRS = Cache[str, dict[str, F64]](_PAIRS_BYTES)


def resampled_of_pair(statistics: Means, digest: str) -> dict[str, F64]:
    """As `resampled_means`, of statistics at the inputs that depend on the pair alone; kept from one submission to the next."""
    size = 8 * RESAMPLES * len(statistics)
    return _OF_PAIRS.get(digest, lambda: resampled_means(statistics, {}, digest), lambda _: size)


def resampled_means(inputs: Means, targets: Means, digest: str, counts: Counts = _COUNTS) -> dict[str, F64]:
    """The means of statistics at inputs and at targets over the resamples of the pair of this digest, (RESAMPLES,) each."""
    sides, points = (inputs, targets), len(next(iter(inputs.values())))
    terms = [np.stack(list(of_side.values())).T if of_side else None for of_side in sides]  # (n, statistics)
    means: tuple[list[F64], ...] = ([], [])
    in_cache = np.empty((_IN_CACHE, points))
    for drawn in counts.of(digest, points):
        for rows in range(0, _AT_ONCE, _IN_CACHE):
            for side, of_side in enumerate(terms):
                if of_side is not None:
                    in_cache[:] = drawn[side, rows : rows + _IN_CACHE]
                    means[side].append(in_cache @ of_side / points)
    return {
        name: column
        for names, parts in zip(sides, means, strict=True)
        if parts
        for name, column in zip(names, np.concatenate(parts).T, strict=True)
    }


def interval(value: float, resampled: F64, bounds: tuple[float, float] = (-inf, inf)) -> Interval:
    """The value of a metric with its percentile interval, as far as it lies within `bounds`, what the metric can be."""
    least, most = bounds
    low, high = _bounds(resampled)
    return Interval(value=value, low=max(low, least), high=min(high, most))


def size_interval(value: float, resampled: F64) -> Interval:
    """The size of a metric that has a sign, with the sizes that lie in its percentile interval: down to 0, where that covers 0."""
    low, high = _bounds(resampled)
    nearest, farthest = sorted((abs(low), abs(high)))
    return Interval(value=abs(value), low=0.0 if low <= 0 <= high else nearest, high=farthest)


def _bounds(resampled: F64) -> tuple[float, float]:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return float(low), float(high)


def _draw(digest: str, points: int) -> Iterator[Drawn]:
    for start in range(0, RESAMPLES, _AT_ONCE):
        draws = stream(0, f"bootstrap/{digest}", start).integers(points, size=(2 * _AT_ONCE, points))
        counts = np.empty(draws.shape, np.uint8)
        for row, draw in zip(counts, draws, strict=True):
            row[:] = np.bincount(draw, minlength=points)
        yield counts.reshape(2, _AT_ONCE, points)
