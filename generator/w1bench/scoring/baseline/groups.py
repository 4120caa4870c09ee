"""Groups of test inputs that lie near each other, and the cosines of gradients that are averaged over them.

A generator is moved by gradients that are averaged over a batch and through its own smoothness, not by one gradient at a time. So for
k = 8, 64 and 512 each test input belongs to the nearest of the first k, and `pooled_k` is the cosine between a group's mean
gradient and its mean true gradient, averaged over the groups by their shares of the points.

Intervals need this figure over resamples, for which its influence function is used: z_i = cos_G + <g_i, U> + <t_i, V> of a point i in group G,
with A and B the group's means of g and t, U = (B/|B| - cos_G A/|A|) / |A| and V = (A/|A| - cos_G B/|B|) / |B|. Its mean over all points is
the figure itself, since <A, U> = <B, V> = 0.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from w1bench.arrays import F64, RowArray

COUNTS = (8, 64, 512)
_BLOCK_VALUES = 1 << 20
_LEAST = 1e-290  # of a mean that has a direction


class _Part(NamedTuple):
    """Rows that are read at a time, in the order of their groups: `present` ones, which begin at `starts`."""

    rows: slice
    order: NDArray[np.intp]
    present: NDArray[np.intp]
    starts: NDArray[np.intp]


@dataclass(frozen=True)
class Groups:
    """The groups of a pair's test inputs for each of COUNTS, numbered on from one count to the next.

    `labels` (3, m) holds each input's group, `sizes` (k,) how many inputs a group has, `truth` (k, D) their mean true gradient.
    """

    labels: NDArray[np.intp]
    sizes: F64
    parts: list[list[_Part]]  # of rows, and of COUNTS
    truth: F64


def make_groups(inputs: RowArray, truth: RowArray, centers: RowArray | None = None) -> Groups:
    """The groups of a pair's test inputs (m, *shape) with true gradients (m, *shape), about its first inputs or about `centers` (k, *shape)."""
    centers = _flat(inputs if centers is None else centers, slice(0, max(COUNTS)))
    square = np.vecdot(centers, centers)
    counts = np.minimum(COUNTS, len(centers))
    first = np.concatenate([[0], np.cumsum(counts)])
    labels = np.empty((len(COUNTS), len(inputs)), np.intp)
    parts: list[list[_Part]] = []
    for rows in _row_blocks(inputs):
        distance = square - 2 * (_flat(inputs, rows) @ centers.T)
        for level, count in enumerate(counts):
            labels[level, rows] = first[level] + distance[:, :count].argmin(1)
        parts.append([_part(rows, of_count) for of_count in labels[:, rows]])
    sizes = np.bincount(labels.ravel(), minlength=first[-1]).astype(np.float64)
    return Groups(labels, sizes, parts, _means(truth, parts, sizes))


def pooled_cosines(gradient: RowArray, truth: RowArray, groups: Groups) -> dict[str, F64]:
    """z of every point for each of COUNTS, by the metric's name, (m,) each."""
    (a, of_a), (b, of_b) = (_units(means) for means in (_means(gradient, groups.parts, groups.sizes), groups.truth))
    cosine = np.vecdot(a, b)
    u, v = (b - cosine[:, None] * a) * of_a[:, None], (a - cosine[:, None] * b) * of_b[:, None]
    z = cosine[groups.labels]
    for rows in _row_blocks(gradient):
        g, t = _flat(gradient, rows), _flat(truth, rows)
        for level, labels in enumerate(groups.labels[:, rows]):
            z[level, rows] += np.vecdot(g, u[labels]) + np.vecdot(t, v[labels])
    return {f"pooled_{count}": of_count for count, of_count in zip(COUNTS, z, strict=True)}


def _units(means: F64) -> tuple[F64, F64]:
    """Unit vectors (k, D), so that no product of theirs overflows or vanishes, and one over the length of each; 0 where a mean is 0."""
    largest = np.abs(means).max(1, keepdims=True)
    scaled = np.divide(means, largest, out=np.zeros_like(means), where=largest > _LEAST)
    length = np.linalg.norm(scaled, axis=1, keepdims=True)
    units = np.divide(scaled, length, out=np.zeros_like(means), where=length > 0)
    whole = (largest * length)[:, 0]
    return units, np.divide(1, whole, out=np.zeros_like(whole), where=(length > 0)[:, 0])


def _means(array: RowArray, parts: list[list[_Part]], sizes: F64) -> F64:
    """The mean of the array's rows in each group, (k, D)."""
    sums = np.zeros((len(sizes), prod(array.shape[1:])))
    for of_rows in parts:
        block = _flat(array, of_rows[0].rows)
        for part in of_rows:
            sums[part.present] += np.add.reduceat(block[part.order], part.starts, axis=0)
    return sums / np.maximum(sizes, 1)[:, None]


def _part(rows: slice, labels: NDArray[np.intp]) -> _Part:
    order = np.argsort(labels, kind="stable")
    return _Part(rows, order, *np.unique(labels[order], return_index=True))


def _row_blocks(array: RowArray) -> Iterator[slice]:
    """Slices of rows that take a few megabytes in float64."""
    step = max(1, _BLOCK_VALUES // prod(array.shape[1:]))
    return (slice(start, min(start + step, len(array))) for start in range(0, len(array), step))


def _flat(array: RowArray, rows: slice) -> F64:
    """Rows in float64, (n, D)."""
    block = np.asarray(array[rows], np.float64)
    return block.reshape(len(block), -1)
