"""W1 of a pair to many digits, from the moments of an unbiased estimate for each ray."""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum, sqrt

import numpy as np
from numpy.typing import NDArray

from w1bench.arrays import F64

RELATIVE_STDERR = 9e-5  # aimed at where rays are cheap; 1e-4 is what is promised
DEFAULT_RAYS = 1 << 16  # where they are not: about .2 % for images


@dataclass(frozen=True)
class Cost:
    """W1 with its standard error and the number of rays it was averaged over."""

    value: float
    stderr: float
    rays: int

    @property
    def relative_stderr(self) -> float:
        return self.stderr / self.value if self.value else 0.0


def tile_moments(terms: F64) -> F64:
    """(count, mean, sum of squared deviations) of a tile's terms: (3,)."""
    mean = terms.mean()
    return np.array([len(terms), mean, np.square(terms - mean).sum()])


def pooled_cost(moments: NDArray[np.float64]) -> Cost:
    """The cost over all tiles, from their moments (tiles, 3) in the tiles' order (Chan, Golub, LeVeque 1983)."""
    counts, means, squares = moments.T
    count = fsum(counts)
    mean = fsum(counts * means) / count
    variance = (fsum(squares) + fsum(counts * np.square(means - mean))) / max(count - 1, 1)
    return Cost(float(mean), sqrt(variance / count), int(count))


def rays_still_needed(cost: Cost, *, at_least: int | None, cheap: bool) -> int:
    """How many further rays bring `cost` to what was asked for; without a number, to 1e-4 where rays are cheap."""
    if at_least is not None or not cheap:
        return max(0, (at_least or DEFAULT_RAYS) - cost.rays)
    if cost.relative_stderr <= RELATIVE_STDERR:
        return 0
    return int(cost.rays * (1.02 * (cost.relative_stderr / RELATIVE_STDERR) ** 2 - 1)) + 1
