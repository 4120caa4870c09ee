"""A compiled pass down the rays of families whose rays leave the nearest point of a convex set: x = b + t (y - b), grad f* = -(y - b) / ||y - b||."""

from __future__ import annotations

import numpy as np
from numba import njit

from w1bench.arrays import F64, Array

_SUMS = {"reassoc", "contract", "nsz"}  # sums may be taken in vector lanes


def shorten_rays(
    target: Array, outward: F64, fraction: float, moved: Array | None, gradient: Array | None, potential: Array | None
) -> F64:  # fmt: skip
    """Write x (n, D), grad f*(x) (n, D) and f*(x) = -t ||y - b|| (n,) of targets y, given y - b (n, D), where given; returns ||y - b||."""
    length = np.empty(len(target))
    nothing = np.empty((0, target.shape[1]))
    outputs = (nothing if moved is None else moved, nothing if gradient is None else gradient)
    _shorten_rows(target, outward, fraction, *outputs, length)
    if potential is not None:
        potential[:] = -fraction * length
    return length


@njit(nogil=True, cache=True)
def _shorten_rows(y: Array, outward: F64, fraction: float, moved: Array, gradient: Array, length: F64) -> None:
    for i in range(y.shape[0]):
        length[i] = _length(outward, i)
        if length[i] == 0.0:
            continue
        if moved.shape[0]:
            for d in range(y.shape[1]):
                moved[i, d] = y[i, d] - (1.0 - fraction) * outward[i, d]
        if gradient.shape[0]:
            inverse = -1.0 / length[i]
            for d in range(y.shape[1]):
                gradient[i, d] = inverse * outward[i, d]


@njit(nogil=True, forceinline=True, fastmath=_SUMS)
def _length(rows: F64, i: int) -> float:
    total = 0.0
    for d in range(rows.shape[1]):
        total += rows[i, d] * rows[i, d]
    return np.sqrt(total)
