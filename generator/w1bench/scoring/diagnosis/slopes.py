"""Slopes of a potential between points: above 1 somewhere, it is not 1-Lipschitz."""

from collections.abc import Mapping
from math import prod

import numpy as np
from numpy.typing import NDArray

from w1bench.arrays import F64, RowArray
from w1bench.scoring.metrics import VALUES
from w1bench.scoring.submission import Submission

_SLOPE_VALUES = 1 << 21  # points x dimensions among which all slopes are compared: seconds at most
_SLOPE_POINTS = 2048
_SLOPE_CANDIDATES = 64
_SLOPE_ROWS = 32  # at a time, so that their slopes stay in the cache
_ROUNDINGS = 16  # units in the last place that two values may be off by, together
_NEAR = 1e-3  # of the points' mean distance from their mean: what lies nearer shows rounding rather than slope


def slope_at_least(test: Mapping[str, RowArray], submission: Submission) -> float | None:
    """The largest (|f(a) - f(b)| - allowance) / ||a - b|| over pairs of the first inputs and targets: above 1, f is not 1-Lipschitz.

    The allowance is what rounding may make of a difference: 16 units in the last place of the dtype that f came in, at the size of the largest value and
    point. Pairs nearer than a thousandth of the points' spread are left out. So the slope of f is at least as large as this somewhere.
    """
    if any(name not in submission for name in VALUES):
        return None
    half = min(_SLOPE_POINTS, max(64, _SLOPE_VALUES // prod(test["input"].shape[1:]))) // 2
    x = np.concatenate([np.asarray(test[name][:half], np.float64).reshape(min(half, len(test[name])), -1)
                        for name in ("input", "target")])  # fmt: skip
    values = [submission[name][:half] for name in VALUES]
    f = np.concatenate([of_side.astype(np.float64) for of_side in values])
    size = float(np.abs(f).max()) + float(np.linalg.norm(x, axis=1).max())
    allowance = _ROUNDINGS * max(_unit(of_side) for of_side in values) * size
    least = _NEAR * float(np.linalg.norm(x - x.mean(0), axis=1).mean())
    first, second = _steepest_pairs(x, f, allowance, least)
    # The products there lose digits for near points; the steepest candidates are measured again by differences.
    rise, run = np.abs(f[first] - f[second]) - allowance, np.linalg.norm(x[first] - x[second], axis=1)
    return max(0.0, float(np.divide(rise, run, out=np.zeros_like(run), where=run > least).max()))


def _unit(values: NDArray[np.floating]) -> float:
    """A unit in the last place of the precision that values were computed in: that of the shortest dtype that holds them all."""
    for dtype in (np.float16, np.float32):
        with np.errstate(over="ignore"):
            if np.array_equal(values, values.astype(dtype)):
                return float(np.finfo(dtype).eps)
    return float(np.finfo(np.float64).eps)


def _steepest_pairs(x: F64, f: F64, allowance: float, least: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The candidates for the steepest slope between points x with values f, as two rows of indices; each pair is looked at once."""
    square = np.vecdot(x, x)
    slopes, firsts, seconds = [], [], []
    for start in range(0, len(x), _SLOPE_ROWS):
        rows = slice(start, start + _SLOPE_ROWS)
        run = x[rows] @ x[start:].T
        run *= -2
        run += square[rows, None]
        run += square[start:]
        np.sqrt(np.maximum(run, 0, out=run), out=run)
        slope = np.abs(f[rows, None] - f[start:])
        slope -= allowance
        np.divide(slope, run, out=slope, where=run > least)
        slope[run <= least] = 0
        top = _largest(slope)
        first, second = np.unravel_index(top, slope.shape)
        slopes.append(slope.ravel()[top])
        firsts.append(first + start)
        seconds.append(second + start)
    top = _largest(np.concatenate(slopes))
    return np.concatenate(firsts)[top], np.concatenate(seconds)[top]


def _largest(values: F64) -> NDArray[np.intp]:
    """Where the largest _SLOPE_CANDIDATES of them stand, in any order."""
    return np.argpartition(values, -min(_SLOPE_CANDIDATES, values.size), axis=None)[-_SLOPE_CANDIDATES:]
