"""The congestion map in the plane: where a critic's excess slope says that mass flows, beside the true transport density.

The flow of a congested critic has the density lam e sigma (see `congestion`); optimal transport's is the *transport density*, the measure that weighs
each segment of the plan by its length (Santambrogio, "Optimal Transport for Applied Mathematicians", 2015, section 4.2). Both are (bins, bins) arrays over the
square [-half_width, half_width]^2, the first axis along x_1; their sums are E[lam e] and W1.
"""

import numpy as np

from w1bench.arrays import F64, Array

_PIECES = 32  # that a segment is cut into


def congestion_map(probe: Array, probe_gradient: Array, lam: float, half_width: float, bins: int) -> F64:
    """The mass lam e sigma in each cell, from gradients (k, 2) at probe points (k, 2)."""
    flow = lam * np.maximum(np.linalg.norm(probe_gradient, axis=1) - 1, 0)
    return _counted(np.asarray(probe, np.float64), flow / len(flow), half_width, bins)


def transport_density(inputs: Array, partners: Array, half_width: float, bins: int) -> F64:
    """The length of the plan's segments in each cell, a mean over inputs (m, 2) and their partners (m, 2)."""
    x, y = np.asarray(inputs, np.float64), np.asarray(partners, np.float64)
    weights = np.repeat(np.linalg.norm(x - y, axis=1) / (len(x) * _PIECES), _PIECES)
    t = (np.arange(_PIECES) + 0.5) / _PIECES
    return _counted((x[:, None] + t[:, None] * (y - x)[:, None]).reshape(-1, 2), weights, half_width, bins)


def disagreement(found: F64, true: F64) -> float:
    """Half the absolute difference of two maps, each divided by its sum: 0 where they are the same in shape, 1 where they never meet."""
    total = found.sum(), true.sum()
    return 1.0 if min(total) <= 0 else float(np.abs(found / total[0] - true / total[1]).sum() / 2)


def _counted(points: F64, weights: F64, half_width: float, bins: int) -> F64:
    span = [[-half_width, half_width]] * 2
    return np.histogram2d(points[:, 0], points[:, 1], bins=bins, range=span, weights=weights)[0]
