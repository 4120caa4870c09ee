"""The bootstrap of a scorecard: metrics over resamples of a pair's test points, and the intervals that these give.

The resamples depend on the pair alone, so that two submissions to it are compared in pairs, and so that how often each
point is drawn is kept from one submission to the next: drawing takes ten times as long as all else in a score.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from w1bench.arrays import F64
from w1bench.rng import stream
from w1bench.scoring.scorecard import LEVEL, RESAMPLES, Interval
from w1bench.scoring.statistics import INPUTS, TARGETS, Means, Points

_AT_ONCE = 25  # resamples that one stream draws, and one product averages over
_KEPT_BYTES = 256 << 20  # of counts in a process: 12 pairs of 10,000 test points
# How often each of n inputs and n targets is drawn: (2, resamples, n). That one is drawn 256 times in n has odds below 1e-500.
Counts = NDArray[np.uint8]


class KeptCounts:
    """The counts of all resamples of the pairs that were scored last, `bytes` of at most `most_bytes`; threads may share them."""

    def __init__(self, most_bytes: int = _KEPT_BYTES) -> None:
        self._most_bytes, self.bytes = most_bytes, 0
        self._pairs: OrderedDict[tuple[str, int], tuple[Counts, ...]] = OrderedDict()
        self._lock = Lock()

    def of(self, digest: str, points: int) -> Iterable[Counts]:
        """The counts for a pair of this digest and number of points, some resamples at a time; large ones are never kept."""
        size = 2 * RESAMPLES * points
        if size > self._most_bytes:
            return _draw(digest, points)
        with self._lock:
            if (digest, points) in self._pairs:
                self._pairs.move_to_end((digest, points))
                return self._pairs[digest, points]
        drawn = tuple(_draw(digest, points))
        with self._lock:
            if (digest, points) not in self._pairs:  # which another thread may have drawn meanwhile
                self._pairs[digest, points] = drawn
                self.bytes += size
            while self.bytes > self._most_bytes:
                (_, fewer), _ = self._pairs.popitem(last=False)
                self.bytes -= 2 * RESAMPLES * fewer
        return drawn


_KEPT = KeptCounts()  # of this process


def resampled_means(points: Points, digest: str, kept: KeptCounts = _KEPT) -> Means:
    """The means of every statistic over the resamples of the pair of this digest, (RESAMPLES,) each."""
    count = len(points.cosine)
    columns = [_columns(points, names) for names in (INPUTS, TARGETS)]
    terms = [np.stack(list(of_side.values()), axis=1) if of_side else None for of_side in columns]  # (n, statistics)
    means: tuple[list[F64], ...] = ([], [])
    for counts in kept.of(digest, count):
        for side, of_side in enumerate(terms):
            if of_side is not None:
                means[side].append(counts[side].astype(np.float64) @ of_side / count)
    named = {
        name: column
        for names, parts in zip(columns, means, strict=True)
        if parts
        for name, column in zip(names, np.concatenate(parts).T, strict=True)
    }
    return Means(points.w1, **named)


def interval(value: float, resampled: F64) -> Interval:
    """The value of a metric with its percentile interval."""
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Interval(value=value, low=float(low), high=float(high))


def _columns(points: Points, names: Iterable[str]) -> Mapping[str, F64]:
    return {name: terms for name in names if (terms := getattr(points, name)) is not None}


def _draw(digest: str, points: int) -> Iterator[Counts]:
    for start in range(0, RESAMPLES, _AT_ONCE):
        draws = stream(0, f"bootstrap/{digest}", start).integers(points, size=(2 * _AT_ONCE, points))
        counts = np.empty(draws.shape, np.uint8)
        for row, draw in zip(counts, draws, strict=True):
            row[:] = np.bincount(draw, minlength=points)
        yield counts.reshape(2, _AT_ONCE, points)
