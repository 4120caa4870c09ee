"""Groups of test inputs that lie near each other, and the cosines of gradients that are averaged over them.

A generator is moved by gradients that are averaged over a batch and through its own smoothness, not by one gradient at a time. So for
k = 8, 64 and 512 each test input belongs to the nearest of the first k, and `pooled_k` is the cosine between a group's mean
gradient and its mean true gradient, averaged over the groups by their shares of the points.

Intervals need this figure over resamples, for which its influence function is used: z_i = cos_G + <g_i, U> + <t_i, V> of a point i in group G,
with A and B the group's means of g and t, U = (B/|B| - cos_G A/|A|) / |A| and V = (A/|A| - cos_G B/|B|) / |B|. Its mean over all points is
the figure itself, since <A, U> = <B, V> = 0.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from w1bench.arrays import F64, RowArray, blocks

COUNTS = (8, 64, 512)
_BLOCK_BYTES = 1 << 23


@dataclass(frozen=True)
class Groups:
    """The groups of a pair's test inputs for each of COUNTS, numbered on from one count to the next.

    `labels` (3, m) holds each input's group, `sizes` (k,) how many inputs a group has, `truth` (k, D) their mean true gradient.
    """

    labels: NDArray[np.intp]
    sizes: F64
    truth: F64


def make_groups(inputs: RowArray, truth: RowArray) -> Groups:
    """The groups of a pair's test inputs (m, *shape) with true gradients (m, *shape)."""
    centers = _flat(inputs, slice(0, max(COUNTS)))
    square = np.vecdot(centers, centers)
    counts = np.minimum(COUNTS, len(centers))
    first = np.concatenate([[0], np.cumsum(counts)])
    labels = np.empty((len(COUNTS), len(inputs)), np.intp)
    for rows in blocks(inputs, _BLOCK_BYTES):
        distance = square - 2 * (_flat(inputs, rows) @ centers.T)
        for level, count in enumerate(counts):
            labels[level, rows] = first[level] + distance[:, :count].argmin(1)
    sizes = np.bincount(labels.ravel(), minlength=first[-1]).astype(np.float64)
    return Groups(labels, sizes, _means(truth, labels, sizes))


def pooled_cosines(gradient: RowArray, truth: RowArray, groups: Groups) -> dict[str, F64]:
    """z of every point for each of COUNTS, by the metric's name, (m,) each."""
    means = _means(gradient, groups.labels, groups.sizes)
    lengths = [np.sqrt(np.vecdot(mean, mean)) for mean in (means, groups.truth)]
    # Of unit vectors, so that no product of theirs overflows or vanishes; 0 where a mean is 0.
    a, b = (
        np.divide(mean, length[:, None], out=np.zeros_like(mean), where=length[:, None] > 0)
        for mean, length in zip((means, groups.truth), lengths, strict=True)
    )
    cosine = np.vecdot(a, b)
    z = cosine[groups.labels]
    for rows in blocks(gradient, _BLOCK_BYTES):
        g, t = _flat(gradient, rows), _flat(truth, rows)
        for level, labels in enumerate(groups.labels[:, rows]):
            of_a, of_b, cos = a[labels], b[labels], cosine[labels]
            terms = (np.vecdot(g, of_b) - cos * np.vecdot(g, of_a), np.vecdot(t, of_a) - cos * np.vecdot(t, of_b))
            for term, length in zip(terms, (length[labels] for length in lengths), strict=True):
                z[level, rows] += np.divide(term, length, out=np.zeros_like(term), where=length > 0)
    return {f"pooled_{count}": of_count for count, of_count in zip(COUNTS, z, strict=True)}


def _means(array: RowArray, labels: NDArray[np.intp], sizes: F64) -> F64:
    """The mean of the array's rows in each group, (k, D)."""
    sums: F64 | None = None
    for rows in blocks(array, _BLOCK_BYTES):
        block = _flat(array, rows)
        if sums is None:
            sums = np.zeros((len(sizes), block.shape[1]))
        for of_count in labels[:, rows]:
            order = np.argsort(of_count, kind="stable")
            present, starts = np.unique(of_count[order], return_index=True)
            sums[present] += np.add.reduceat(block[order], starts, axis=0)
    assert sums is not None
    return sums / np.maximum(sizes, 1)[:, None]


def _flat(array: RowArray, rows: slice) -> F64:
    """Rows in float64, (n, D)."""
    block = np.asarray(array[rows], np.float64)
    return block.reshape(len(block), -1)
