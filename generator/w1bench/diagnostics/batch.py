"""The batch is not the distribution: what exact transport and the batch c-transform say between finite draws of a pair.

Stanczuk, Etmann, Kreusser, Schoenlieb, "Wasserstein GANs Work Because They Fail (to Approximate the Wasserstein Distance)" (arXiv 2103.01678, 2021):
the cost EMD(P_n, Q_n) between batches is above W1(P, Q) on average, in D dimensions by about n^(-1/D); and points that are no draws of
the distribution, its mean or the centres of clusters, are cheaper to a batch than another batch is.

The batch c-transform of f, E_P f + E_y min_i (||x_i - y|| - f(x_i)) over the x of the batch, is at least E_P f - E_Q f for any f of slope 1, and at most
EMD(P_n, Q_n), which is its largest value over all f.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from w1bench.arrays import F64, Array
from w1bench.diagnostics.record import BatchValues, FalseMinima, Mean, Oracle

SIZES = (32, 64, 128, 256, 512, 1024, 2048, 4096)
_ROWS = 2048  # of draws that a size is averaged over, where there are so many
_MOST_ROUNDS = 200
_WEISZFELD = 30


def exact_plan(inputs: Array, targets: Array) -> tuple[float, NDArray[np.intp]]:
    """(cost, order) of a cheapest assignment of inputs to as many targets: input i goes to target order_i."""
    return _assigned(cdist(flat(inputs), flat(targets)))


def c_transform(inputs: Array, targets: Array, input_potential: Array) -> float:
    """The batch c-transform's value of a potential f with these values at the inputs."""
    return _transform(cdist(flat(inputs), flat(targets)), np.asarray(input_potential, np.float64))


def bias_curve(
    inputs: Array, targets: Array, others: Array, input_potential: Array, *, sizes: Iterable[int] = SIZES
) -> list[BatchValues]:
    """The values at each of `sizes` that is no more than there are draws; `inputs` and `others` are draws of P, `targets` of Q, all independent."""
    fitting = [size for size in sizes if size <= min(len(inputs), len(targets), len(others))]
    return [_values(inputs, targets, others, np.asarray(input_potential, np.float64), size) for size in fitting]


def batch_values(inputs: Array, targets: Array, others: Array, input_potential: Array, size: int) -> BatchValues | None:
    """The values at one size; None where there are fewer draws."""
    return next(iter(bias_curve(inputs, targets, others, input_potential, sizes=(size,))), None)


def false_minima(draws: Array, size: int, *, centres: int = 8, seed: int = 0) -> FalseMinima:
    """From draws of Q: a half to learn the mean and the centres from, a half of fresh batches.

    Each candidate is a batch of `size` points: a real one, copies of the mean, or centres as often as the draws are near them.
    """
    points = flat(draws)
    known, fresh = points[: len(points) // 2], points[len(points) // 2 :]
    rng = np.random.default_rng(seed)
    of_clusters = [
        _copies(known, centre, size) for centre in (k_means(known, centres, rng), k_medians(known, centres, rng))
    ]
    found = [
        (exact_plan(known[rows], fresh[rows])[0], float(np.linalg.norm(fresh[rows] - known.mean(0), axis=1).mean()),
         *(exact_plan(copies, fresh[rows])[0] for copies in of_clusters))
        for rows in _batches(len(fresh), size)
    ]  # fmt: skip
    return FalseMinima(size, *_means(found))


def oracle(inputs: Array, targets: Array, gradient: Array, size: int) -> Oracle:
    """The row of exact transport on batches of `size`, at inputs with true gradients."""
    x, y, t = flat(inputs), flat(targets), flat(gradient)
    found: list[tuple[float, float]] = []
    for rows in _batches(min(len(x), len(y)), size):
        cost, order = exact_plan(x[rows], y[rows])
        way = x[rows] - y[rows][order]
        length = np.linalg.norm(way, axis=1)
        cosine = np.divide(np.vecdot(way, t[rows]), length, out=np.zeros_like(length), where=length > 0)
        found.append((cost, float(cosine.mean())))
    return Oracle(size, *_means(found))


def k_means(points: F64, count: int, rng: np.random.Generator) -> F64:
    """Lloyd's centres (count, D)."""
    return _lloyd(points, count, rng, _mean_of)


def k_medians(points: F64, count: int, rng: np.random.Generator) -> F64:
    """As `k_means`, with geometric medians, whose distances are not squared."""
    return _lloyd(points, count, rng, geometric_median)


def geometric_median(points: F64) -> F64:
    """The point of least mean distance (D,), by Weiszfeld's steps."""
    centre = points.mean(0)[None]
    for _ in range(_WEISZFELD):
        centre = weiszfeld(centre, points[None])
    return centre[0]


def weiszfeld(centres: F64, owned: F64) -> F64:
    """A step of each centre (k, D) towards the geometric median of its own points (k, n, D), which never takes it further away.

    Where a centre lies on some of its points, the step is that of Vardi, Zhang, "The multivariate L1-median and associated data depth", PNAS 2000.
    """
    away = owned - centres[:, None]
    distance = np.linalg.norm(away, axis=2)
    weights = np.divide(1, distance, out=np.zeros_like(distance), where=distance > 0)
    pull = np.einsum("kn,knd->kd", weights, away)
    strength = np.linalg.norm(pull, axis=1)
    meeting = (distance == 0).sum(axis=1)
    held = np.where(strength > meeting, meeting / np.maximum(strength, np.finfo(np.float64).tiny), 1)
    return centres + ((1 - held) / np.maximum(weights.sum(axis=1), np.finfo(np.float64).tiny))[:, None] * pull


def flat(points: Array) -> F64:
    """Points in float64, (n, D)."""
    return np.asarray(points, np.float64).reshape(len(points), -1)


def _values(x: Array, y: Array, other: Array, f: F64, size: int) -> BatchValues:
    found: list[tuple[float, ...]] = []
    for rows in _batches(min(len(x), len(y), len(other)), size):
        cost = cdist(flat(x[rows]), flat(y[rows]))
        transforms = (_transform(cost, values) for values in (f[rows], np.zeros(size)))
        found.append((_assigned(cost)[0], exact_plan(x[rows], other[rows])[0], *transforms))
    return BatchValues(size, *_means(found))


def _assigned(cost: Array) -> tuple[float, NDArray[np.intp]]:
    rows, order = linear_sum_assignment(cost)
    return float(cost[rows, order].mean()), order


def _transform(cost: Array, f: F64) -> float:
    return float(f.mean() + (cost - f[:, None]).min(axis=0).mean())


def _batches(rows: int, size: int) -> list[slice]:
    """Disjoint batches, at least one, of about _ROWS draws together."""
    count = max(1, min(rows, _ROWS) // size)
    return [slice(i * size, (i + 1) * size) for i in range(count)]


def _means(found: list[tuple[float, ...]]) -> tuple[Mean, ...]:
    columns = np.array(found).T
    errors = columns.std(axis=1, ddof=1) / sqrt(len(found)) if len(found) > 1 else np.zeros(len(columns))
    return tuple(Mean(float(column.mean()), float(error)) for column, error in zip(columns, errors, strict=True))


def _mean_of(points: F64) -> F64:
    return points.mean(0)


def _lloyd(points: F64, count: int, rng: np.random.Generator, centre_of: Callable[[F64], F64]) -> F64:
    centres = _spread(points, count, rng)
    labels = np.full(len(points), -1)
    for _ in range(_MOST_ROUNDS):
        nearest = cdist(points, centres).argmin(axis=1)
        if (nearest == labels).all():
            break
        labels = nearest
        centres = np.stack([
            centre_of(points[labels == k]) if (labels == k).any() else centre for k, centre in enumerate(centres)
        ])  # fmt: skip
    return centres


def _spread(points: F64, count: int, rng: np.random.Generator) -> F64:
    """Points far from each other to begin with (k-means++; Arthur, Vassilvitskii, SODA 2007)."""
    chosen = points[rng.integers(len(points), size=1)]
    while len(chosen) < count:
        square = np.square(cdist(points, chosen).min(axis=1))
        if not square.any():  # there are no more points than these
            break
        chosen = np.concatenate([chosen, points[rng.choice(len(points), size=1, p=square / square.sum())]])
    return chosen


def _copies(points: F64, centres: F64, size: int) -> F64:
    """`size` copies of the centres, each as often as points are nearest to it, rounded by largest remainders."""
    shares = np.bincount(cdist(points, centres).argmin(axis=1), minlength=len(centres)) * (size / len(points))
    counts = np.floor(shares).astype(int)
    counts[np.argsort(counts - shares)[: size - counts.sum()]] += 1
    return np.repeat(centres, counts, axis=0)
