"""Compiled row passes over a tile: which funnel a point belongs to, where its ray ends, where the map moves it.

Given the matrix product of points and centres, what is left is a pass over each row. All passes are in this one file because
a compiled function's cache does not notice a change in another file. Formulas: `funnel` and `rays`.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from w1bench.sample import F64, Array

# Sums and maxima may be taken in vector lanes; in maxima, moreover, no NaN is expected, because points are finite.
_SUMS = {"reassoc", "contract", "nsz"}
_MAXIMA = {*_SUMS, "nnan"}
_SLACK = 16.0 * np.sqrt(np.finfo(np.float64).eps)  # bound on the product's error in a distance, in units of ||x||


@njit(nogil=True, cache=True, fastmath=_SUMS)
def square_difference(x: F64, a: F64) -> float:
    """||x - a||^2 of two rows (D,)."""
    total = 0.0
    for d in range(x.size):
        total += (x[d] - a[d]) * (x[d] - a[d])
    return total


@njit(nogil=True, cache=True, fastmath=_SUMS)
def square_length(x: F64) -> float:
    """||x||^2 of a row (D,)."""
    total = 0.0
    for d in range(x.size):
        total += x[d] * x[d]
    return total


@njit(nogil=True, cache=True)
def nearest_row(x: F64, product: F64, center: F64, offset: F64, square_norm: F64, value: F64) -> tuple[int, float]:
    """argmin_n (||x - a_n|| + b_n) and that ||x - a_n|| for one row x (D,), given product = center x (N,).

    The product loses digits by cancellation, at most `slack` in a distance; whoever is within it of the least is
    measured again by differences. `value` (N,) is scratch.
    """
    xx = square_length(x)
    least = np.inf
    for m in range(offset.size):
        value[m] = np.sqrt(max(xx + square_norm[m] - 2.0 * product[m], 0.0)) + offset[m]
        least = min(least, value[m])
    slack = _SLACK * np.sqrt(xx + square_norm.max())
    best, best_value, best_distance = 0, np.inf, 0.0
    for m in range(offset.size):
        if value[m] <= least + slack:
            s = np.sqrt(square_difference(x, center[m]))
            if s + offset[m] < best_value:
                best, best_value, best_distance = m, s + offset[m], s
    return best, best_distance


@njit(nogil=True, cache=True)
def nearest_rows(
    x: F64,
    product: F64,
    center: F64,
    offset: F64,
    square_norm: F64,
    index: NDArray[np.int64],
    distance: F64,
) -> None:
    """`nearest_row` for rows x (B, D) and product (B, N), into index and distance (B,)."""
    value = np.empty(offset.size)
    for i in range(x.shape[0]):
        index[i], distance[i] = nearest_row(x[i], product[i], center, offset, square_norm, value)


@njit(nogil=True, cache=True)
def trace_rows(
    y: F64, product: F64, center: F64, offset: F64, square_norm: F64,
    gram: F64, room: F64, upper: F64, lower: F64, radius: float, power: float,
    index: NDArray[np.int64], distance: F64, length: F64, moved: Array, gradient: Array,
) -> None:  # fmt: skip
    """Rays of targets y (B, D) given product = y center^T (B, N); also x and grad f* where `moved` has rows."""
    value = np.empty(offset.size)
    for i in range(y.shape[0]):
        n, s = nearest_row(y[i], product[i], center, offset, square_norm, value)
        index[i], distance[i], length[i] = n, s, 0.0
        if s == 0.0:
            continue
        crossing = _nearest_crossing(product[i], offset, gram[n], room[n], n, s)
        if radius > 0:
            along = (product[i, n] - gram[n, n]) / s
            wall = 1 / (np.sqrt(along * along + radius * radius - square_norm[n]) - along)
        else:
            wall = _nearest_wall(y[i], center[n], upper[n], lower[n]) / s
        end = 1 / max(crossing, wall)
        length[i] = end
        if moved.shape[0]:
            _write_row(y[i], center[n], s, end * min(s / end, 1.0) ** power, moved[i], gradient[i])


@njit(nogil=True, cache=True, fastmath=_MAXIMA)
def _nearest_crossing(product: F64, offset: F64, gram: F64, room: F64, n: int, s: float) -> float:
    """The largest 2 (e - c) / (C - e^2) over the other funnels: the reciprocal of the first crossing's distance."""
    own, best = product[n] - gram[n], 0.0
    for m in range(offset.size):
        c = (own - product[m] + gram[m]) / s
        best = max(best, 2.0 * (offset[n] - offset[m] - c) * room[m])
    return best


@njit(nogil=True, cache=True, fastmath=_MAXIMA)
def _nearest_wall(y: F64, a: F64, upper: F64, lower: F64) -> float:
    """s over the distance from centre a to the cube's wall in the direction of y."""
    best = 0.0
    for d in range(y.size):
        step = y[d] - a[d]
        best = max(best, max(step * upper[d], -step * lower[d]))
    return best


@njit(nogil=True, cache=True)
def _write_row(y: F64, a: F64, s: float, near: float, moved: Array, gradient: Array) -> None:
    """x = a + s' v and grad f*(x) = -v for one row."""
    shrink, inverse = near / s, -1 / s
    for d in range(y.size):
        step = y[d] - a[d]
        moved[d] = a[d] + shrink * step
        gradient[d] = inverse * step
