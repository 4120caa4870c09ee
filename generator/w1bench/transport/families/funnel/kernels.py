"""Compiled row passes over a tile: which funnel a point belongs to, where its ray ends, where the map moves it.

Given the matrix product of points and centres, what is left is a pass over each row. Formulas: `funnel` and `rays`. All passes are
in this one file because a compiled function's cache does not notice a change in another file. They take whole arrays and a row's
number, because a slice costs more than a short row. Maxima and minima run over the bits of non-negative doubles, which are ordered
like integers: the compiler makes vector instructions of integer maxima, and of floating ones it does not.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from w1bench.arrays import F64, Array

I64 = NDArray[np.int64]
_SUMS = {"reassoc", "contract", "nsz"}  # sums may be taken in vector lanes
_FINITE = {*_SUMS, "nnan"}  # and points are finite
_SLACK = 16.0 * np.sqrt(np.finfo(np.float64).eps)  # bound on the product's error in a distance, in units of ||x||
_INFINITY = np.float64(np.inf).view(np.int64)


@njit(nogil=True, cache=True)
def nearest_rows(x: F64, product: F64, center: F64, offset: F64, square_norm: F64, nearest: I64, distance: F64) -> None:
    """n = argmin_m (||x - a_m|| + b_m) and ||x - a_n|| for rows x (B, D), given product = x center^T (B, N)."""
    value, rise, largest = np.empty(offset.size), offset - offset.min(), square_norm.max()
    for i in range(x.shape[0]):
        n = _choose(x, i, product, center, rise, square_norm, largest, value)
        nearest[i], distance[i] = n, np.sqrt(_square_distance(x, i, center, n))


@njit(nogil=True, cache=True)
def trace_rows(
    y: F64, product: Array, center: F64, offset: F64, square_norm: F64,
    gram: F64, room: F64, upper: F64, lower: F64, radius: float, power: float,
    nearest: I64, distance: F64, length: F64, moved: Array, gradient: Array,
) -> None:  # fmt: skip
    """Rays of targets y (B, D), given product = y center^T (B, N); x and grad f* too, where `moved`, `gradient` have rows."""
    value, rise, largest = np.empty(offset.size), offset - offset.min(), square_norm.max()
    for i in range(y.shape[0]):
        n = _choose(y, i, product, center, rise, square_norm, largest, value)
        if radius > 0:
            square, wall = _square_distance(y, i, center, n), 0.0
        else:
            square, wall = _distance_and_wall(y, i, center, upper, lower, n)
        s = np.sqrt(square)
        nearest[i], distance[i], length[i] = n, s, 0.0
        if s == 0.0:
            continue
        if radius > 0:
            along = (product[i, n] - gram[n, n]) / s
            wall = s / (np.sqrt(along * along + radius * radius - square_norm[n]) - along)
        end = s / max(_nearest_crossing(product, i, offset, gram, room, n, s), wall)
        length[i] = end
        if moved.shape[0]:
            shrink = end * min(s / end, 1.0) ** power / s
            for d in range(y.shape[1]):
                moved[i, d] = center[n, d] + shrink * (y[i, d] - center[n, d])
        if gradient.shape[0]:
            inverse = -1 / s
            for d in range(y.shape[1]):
                gradient[i, d] = inverse * (y[i, d] - center[n, d])


@njit(nogil=True, forceinline=True)
def _choose(
    x: F64, i: int, product: Array, center: F64, rise: F64, square_norm: F64, largest: float, value: F64
) -> int:
    """argmin_m (||x_i - a_m|| + b_m), with rise = b - min b; `value` (N,) is scratch.

    The product loses digits by cancellation, at most `_SLACK` of ||x|| in a distance; funnels within it of the least
    are measured again by differences.
    """
    if rise.size == 1:
        return 0
    square = _square_length(x, i)
    bound = _values(product, i, square, square_norm, rise, value) + _SLACK * np.sqrt(square + largest)
    count, which = 0, 0
    for m in range(rise.size):
        within = int(value[m] <= bound)  # without a branch, so that rows of many funnels go fast
        count += within
        which += m * within
    if count == 1:
        return which
    best, least = 0, np.inf
    for m in range(rise.size):
        if value[m] <= bound:
            exact = np.sqrt(_square_distance(x, i, center, m)) + rise[m]
            if exact < least:
                best, least = m, exact
    return best


@njit(nogil=True, forceinline=True, fastmath=_FINITE)
def _values(product: Array, i: int, square: float, square_norm: F64, rise: F64, value: F64) -> float:
    """||x_i - a_m|| + rise_m for all m, from the product, into `value`; returns the least."""
    least = _INFINITY
    for m in range(rise.size):
        value[m] = np.sqrt(max(square + square_norm[m] - 2.0 * product[i, m], 0.0)) + rise[m]
        least = min(least, np.float64(value[m]).view(np.int64))
    return np.int64(least).view(np.float64)


@njit(nogil=True, forceinline=True, fastmath=_FINITE)
def _nearest_crossing(product: Array, i: int, offset: F64, gram: F64, room: F64, n: int, s: float) -> float:
    """s over the distance to the first crossing: the largest 2 (s e - s c) / (C - e^2) over the other funnels, or 0."""
    own, best = product[i, n] - gram[n, n], np.int64(0)
    for m in range(offset.size):
        c = own - product[i, m] + gram[n, m]
        best = max(best, np.float64(2.0 * (s * (offset[n] - offset[m]) - c) * room[n, m]).view(np.int64))
    return np.int64(best).view(np.float64)


@njit(nogil=True, forceinline=True, fastmath=_FINITE)
def _distance_and_wall(y: F64, i: int, center: F64, upper: F64, lower: F64, n: int) -> tuple[float, float]:
    """||y_i - a_n||^2, and s over the distance from a_n to the cube's wall in the direction of y_i."""
    square, best = 0.0, np.int64(0)
    for d in range(y.shape[1]):
        step = y[i, d] - center[n, d]
        square += step * step
        best = max(best, np.float64(max(step * upper[n, d], -step * lower[n, d])).view(np.int64))
    return square, np.int64(best).view(np.float64)


@njit(nogil=True, forceinline=True, fastmath=_SUMS)
def _square_length(x: F64, i: int) -> float:
    """||x_i||^2."""
    total = 0.0
    for d in range(x.shape[1]):
        total += x[i, d] * x[i, d]
    return total


@njit(nogil=True, forceinline=True, fastmath=_SUMS)
def _square_distance(x: F64, i: int, center: F64, n: int) -> float:
    """||x_i - a_n||^2."""
    total = 0.0
    for d in range(x.shape[1]):
        total += (x[i, d] - center[n, d]) * (x[i, d] - center[n, d])
    return total
