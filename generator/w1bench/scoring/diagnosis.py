"""The diagnosis of a scorecard: why a score is low, by lengths of gradients and slopes of the potential."""

from collections.abc import Mapping
from math import prod

import numpy as np
from numpy.typing import NDArray

from w1bench.arrays import F64, RowArray
from w1bench.scoring.scorecard import Diagnosis
from w1bench.scoring.statistics import Points

_SLOPE_VALUES = 1 << 21  # points x dimensions among which all slopes are compared: seconds at most
_SLOPE_POINTS = 2048
_SLOPE_CANDIDATES = 64
_SLOPE_ROWS = 32  # at a time, so that their slopes stay in the cache
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def diagnose(points: Points, steepest: float | None) -> Diagnosis:
    r, cosine = points.length, points.cosine
    projection, square = float((r * cosine).mean()), float(np.square(r).mean())
    scale = projection / square if square > 0 else 0.0
    return Diagnosis(
        gradient_norm_mean=float(r.mean()), gradient_norm_std=float(r.std()),
        gradient_norm_quantiles={f"{q:g}": float(v) for q, v in zip(_QUANTILES, np.quantile(r, _QUANTILES), strict=True)},
        zero_gradients=int((r == 0).sum()),
        l2_direction=float((2 * r * (1 - cosine)).mean()), l2_magnitude=float(np.square(r - 1).mean()),
        best_scale=scale, best_scale_l2=1 - scale * projection, steepest_slope=steepest,
    )  # fmt: skip


def steepest_slope(test: Mapping[str, RowArray], points: Points) -> float | None:
    """max |f(a) - f(b)| / ||a - b|| over all pairs of the first inputs and targets: above 1, f is not 1-Lipschitz."""
    if points.input_potential is None or points.target_potential is None:
        return None
    half = min(_SLOPE_POINTS, max(64, _SLOPE_VALUES // prod(test["input"].shape[1:]))) // 2
    x = np.concatenate([np.asarray(test[name][:half], np.float64).reshape(min(half, len(test[name])), -1)
                        for name in ("input", "target")])  # fmt: skip
    f = np.concatenate([points.input_potential[:half], points.target_potential[:half]])
    first, second = _steepest_pairs(x, f)
    # The products there lose digits for near points; the steepest candidates are measured again by differences.
    rise, run = np.abs(f[first] - f[second]), np.linalg.norm(x[first] - x[second], axis=1)
    return float(np.divide(rise, run, out=np.zeros_like(run), where=run > 0).max())


def _steepest_pairs(x: F64, f: F64) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
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
        np.divide(slope, run, out=slope, where=run > 0)
        slope[run == 0] = 0
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
