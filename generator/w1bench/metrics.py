"""The metrics of a submitted critic, each with its unit, direction and worst value.

With g_i = grad f(x_i), t_i = grad f*(x_i), r_i = ||g_i||: cos = mean <g_i, t_i> / (||g_i|| ||t_i||) and
L2 = mean ||g_i - t_i||^2 as in Korotin, Kolesov, Burnaev (NeurIPS 2022), section 5. The W1 estimate uses the stored f* as a
control variate: W1 + mean (f - f*)(x_i) - mean (f - f*)(y_j) is unbiased for E_P f - E_Q f and exact for f = f*.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from w1bench import store
from w1bench.sample import F64
from w1bench.store import Rows

METRIC_VERSION = 1  # raised whenever a metric's value may change for the same submission by more than 1e-7 of it


_PIECE = 1024  # values of a row that are summed in their own precision: 5e-8 off at most in float32
_READ_BYTES = 1 << 23  # of each array at a time
_BLOCK_BYTES = 300_000  # of rows at a time, so that they stay in the cache from one product to the next
_SAFE = (1e-12, 1e12)  # squared lengths of which float32 neither loses nor overflows a term that counts
_NEAR = 0.1  # below this part of ||g||^2 + ||t||^2, what 2 <g, t> leaves of it has lost a digit; as near to twice it, cos is -1


@dataclass(frozen=True)
class Points:
    """Per-point statistics of a submission: all that any metric needs, (m,) each."""

    w1: float
    cosine: F64  # <g, t> / (||g|| ||t||), 0 where g = 0
    length: F64  # r = ||g||
    square_error: F64  # ||g - t||^2
    input_potential: F64 | None = None  # f at inputs
    target_potential: F64 | None = None  # f at targets
    input_gap: F64 | None = None  # f - f* at inputs
    target_gap: F64 | None = None  # f - f* at targets


class Mean(Protocol):
    """The mean of terms (m,), or their means over resamples, (resamples,)."""

    def __call__(self, terms: F64) -> F64: ...


@dataclass(frozen=True)
class Metric:
    """A figure of a scorecard. `compute(points, mean over inputs, mean over targets)`."""

    name: str
    unit: str
    better: Literal["higher", "lower", "nearer to W1"]
    worst: float
    needs: tuple[str, ...]  # the arrays of a submission it is computed from
    meaning: str
    compute: Callable[[Points, Mean, Mean], F64]


def gradient_points(gradient: Rows, truth: Rows) -> tuple[F64, F64, F64]:
    """(cosine, length, square error) at every point of a gradient against unit vectors, block by block: three (m,).

    Products are taken in float64; of long rows that are both stored in less, in float32, and summed in float64, where that
    loses nothing: means within 1e-7, a single square error within 1e-6. The length of such a truth is taken for 1, which it
    is to 1e-8.
    """
    dim = prod(truth.shape[1:])
    single = dim >= _PIECE and truth.dtype == np.float32 and gradient.dtype in (np.float16, np.float32)
    gt, gg, tt, error = np.empty((4, len(truth)))
    unit = np.ones(len(truth))  # that gradients are taken in, so that no square of theirs overflows or vanishes
    for rows in store.blocks(truth, _READ_BYTES):
        g, t = (
            np.asarray(array[rows], np.float32 if single else np.float64).reshape(rows.stop - rows.start, dim)
            for array in (gradient, truth)
        )
        gt[rows], gg[rows] = _products(g, t)
        tt[rows] = 1 if single else np.vecdot(t, t)
        error[rows] = gg[rows] + tt[rows] - 2 * gt[rows]
        whole = gg[rows] + tt[rows]
        kept = (error[rows] > _NEAR * whole) & (error[rows] < (2 - _NEAR) * whole)
        kept &= (gg[rows] > _SAFE[0]) & (gg[rows] < _SAFE[1])
        if not kept.all():
            a, b = (array[~kept].astype(np.float64, copy=False) for array in (g, t))
            difference = a - b
            error[rows][~kept] = np.vecdot(difference, difference)
            largest = np.abs(a).max(-1)
            unit[rows][~kept] = np.where(largest > 0, largest, 1)
            a = a / unit[rows][~kept][:, None]
            gt[rows][~kept], gg[rows][~kept], tt[rows][~kept] = np.vecdot(a, b), np.vecdot(a, a), np.vecdot(b, b)
    scale = np.sqrt(gg) * np.sqrt(tt)
    cosine = np.clip(np.divide(gt, scale, out=np.zeros_like(gt), where=scale > 0), -1, 1)
    return cosine, unit * np.sqrt(gg), error


def _products(g: NDArray[Any], t: NDArray[Any]) -> F64:
    """<g, t> and <g, g> of each row, (2, rows)."""
    end = g.shape[1] - g.shape[1] % _PIECE
    whole = (array[:, :end].reshape(len(g), end // _PIECE, _PIECE) for array in (g, t))
    rest = (array[:, None, end:] for array in (g, t))
    return _piecewise(*whole) + _piecewise(*rest)


@np.errstate(over="ignore", invalid="ignore")  # of float32: seen by their result
def _piecewise(g: NDArray[Any], t: NDArray[Any]) -> F64:
    """The same of rows in pieces, (rows, pieces, values); pieces are summed in float64."""
    sums = np.empty((2, *g.shape[:2]), g.dtype)
    for rows in store.blocks(g, _BLOCK_BYTES):
        np.vecdot(g[rows], t[rows], out=sums[0, rows])  # reads both, so that the next one finds g in the cache
        np.vecdot(g[rows], g[rows], out=sums[1, rows])
    return sums.sum(-1, dtype=np.float64)


def _cos(points: Points, inputs: Mean, targets: Mean) -> F64:
    return inputs(points.cosine)


def _l2(points: Points, inputs: Mean, targets: Mean) -> F64:
    return inputs(points.square_error)


def _w1_raw(points: Points, inputs: Mean, targets: Mean) -> F64:
    assert points.input_potential is not None
    assert points.target_potential is not None
    return inputs(points.input_potential) - targets(points.target_potential)


def _w1_estimate(points: Points, inputs: Mean, targets: Mean) -> F64:
    assert points.input_gap is not None
    assert points.target_gap is not None
    return points.w1 + inputs(points.input_gap) - targets(points.target_gap)


def _dev(points: Points, inputs: Mean, targets: Mean) -> F64:
    return 100 * np.abs(points.w1 - _w1_estimate(points, inputs, targets)) / points.w1


_VALUES = ("input_potential", "target_potential")

METRICS: dict[str, Metric] = {
    "cos": Metric("cos", "1", "higher", -1.0, ("gradient",), "mean cosine between grad f and grad f*", _cos),
    "l2": Metric("l2", "1", "lower", np.inf, ("gradient",), "mean ||grad f - grad f*||^2", _l2),
    "dev": Metric("dev", "%", "lower", np.inf, _VALUES, "100 |W1 - w1_estimate| / W1", _dev),
    "w1_estimate": Metric(
        "w1_estimate", "distance", "nearer to W1", np.inf, _VALUES,
        "E_P f - E_Q f, with the sampling noise taken out by f*", _w1_estimate,
    ),
    "w1_raw": Metric(
        "w1_raw", "distance", "nearer to W1", np.inf, _VALUES,
        "mean f(x_i) - mean f(y_j), as published", _w1_raw,
    ),
}  # fmt: skip
