"""Diagnosis."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from w1bench.arrays import RowArray
from w1bench.scoring.scorecard import Diagnosis
from w1bench.scoring.statistics import Points

_SLOPE_VALUES = 1 << 21  # points x dimensions among which all slopes are compared: seconds at most
_SLOPE_POINTS = 2048
_SLOPE_CANDIDATES = 64
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
    square = np.vecdot(x, x)
    rise = np.abs(f[:, None] - f[None, :])
    run = np.sqrt(np.maximum(square[:, None] + square[None, :] - 2 * (x @ x.T), 0))
    slope = np.divide(rise, run, out=np.zeros_like(rise), where=run > 0)
    # The product loses digits for near points; the steepest candidates are measured again by differences.
    first, second = np.unravel_index(np.argsort(slope, axis=None)[-_SLOPE_CANDIDATES:], slope.shape)
    exact = np.linalg.norm(x[first] - x[second], axis=1)
    return float(np.divide(rise[first, second], exact, out=np.zeros_like(exact), where=exact > 0).max())
