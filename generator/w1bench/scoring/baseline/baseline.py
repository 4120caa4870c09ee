"""The baseline of a pair: what the trivial critics, the groups of inputs and the truth's own steps are at its test points.

It depends on the pair alone, and is kept from one submission to the next.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from w1bench.arrays import F64, RowArray, blocks
from w1bench.recipes.families import CONTROLS
from w1bench.scoring.baseline.groups import Groups, make_groups
from w1bench.scoring.baseline.trivial import trivial_cosines
from w1bench.scoring.cache import Cache
from w1bench.scoring.metrics import STEPS
from w1bench.scoring.statistics import Means, gains

CONTROL = 0.99  # the mean cosine from which on a trivial critic solves a pair
_BLOCK_BYTES = 1 << 23
_KEPT_BYTES = 256 << 20  # of baselines in a process


@dataclass(frozen=True)
class Baseline:
    """`is_control` says whether a trivial critic solves the pair, so that there is nothing above it to learn. `trivial` holds the mean cosine of each trivial critic; `distance` is ||x - y|| from each input to its partner, `groups` those that gradients are
    averaged over. `statistics` are what metrics take means of besides a submission's (see `statistics.Points`), (m,) each."""

    is_control: bool
    trivial: Mapping[str, float]
    distance: F64
    groups: Groups
    statistics: Means


def make_baseline(test: Mapping[str, RowArray], w1: float, *, family: str | None = None) -> Baseline:
    """The baseline of the pair with these data sets of the role `test`; the family says of some that they are controls."""
    cosines = trivial_cosines(test["input"], test["transported"], test["target"], test["gradient"])
    means = {name: float(cosine.mean()) for name, cosine in cosines.items()}
    best = max(cosines, key=means.__getitem__)
    distance, one = _distance(test["input"], test["transported"]), np.ones(1)
    statistics = {"trivial_cosine": cosines[best] if means[best] > 0 else np.zeros_like(cosines[best])}
    statistics |= {f"own_gain_{name}": gains(one, one, distance, part * w1) for name, part in STEPS.items() if w1 > 0}
    is_control = family in CONTROLS or means[best] >= CONTROL
    return Baseline(is_control, means, distance, make_groups(test["input"], test["gradient"]), statistics)


_KEPT = Cache[str, Baseline](_KEPT_BYTES)  # of this process


def baseline_of(digest: str, test: Mapping[str, RowArray], w1: float, *, family: str) -> Baseline:
    """The baseline of the pair of this digest, computed when it is first asked for."""
    return _KEPT.get(digest, lambda: make_baseline(test, w1, family=family), _size)


def _size(baseline: Baseline) -> int:
    groups = baseline.groups
    arrays = (baseline.distance, *baseline.statistics.values(), groups.labels, groups.sizes, groups.truth)
    return sum(array.nbytes for array in arrays) + groups.labels.nbytes  # and the order of the rows


def _distance(inputs: RowArray, partners: RowArray) -> F64:
    distance = np.empty(len(inputs))
    for rows in blocks(inputs, _BLOCK_BYTES):
        step = np.asarray(inputs[rows], np.float64) - partners[rows]
        distance[rows] = np.linalg.norm(step.reshape(len(step), -1), axis=1)
    return distance
