"""The metrics of a submitted critic, each with its unit, direction and worst value.

With g_i = grad f(x_i), t_i = grad f*(x_i), r_i = ||g_i||: cos = mean <g_i, t_i> / (||g_i|| ||t_i||) and
L2 = mean ||g_i - t_i||^2 as in Korotin, Kolesov, Burnaev (NeurIPS 2022), section 5. The W1 estimate uses the stored f* as a
control variate: W1 + mean (f - f*)(x_i) - mean (f - f*)(y_j) is unbiased for E_P f - E_Q f and exact for f = f*.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from w1bench import store
from w1bench.sample import F64
from w1bench.store import Rows

METRIC_VERSION = 1  # raised whenever a metric's value may change for the same submission

_BLOCK_BYTES = 1 << 19  # of gradients at a time, so that float64 copies stay in the cache


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
    """(cosine, length, square error) at every point, in float64, block by block: three (m,)."""
    cosine, length, error = (np.empty(len(truth)) for _ in range(3))
    for rows in store.blocks(truth, _BLOCK_BYTES):
        g, t = (np.asarray(array[rows], np.float64).reshape(rows.stop - rows.start, -1) for array in (gradient, truth))
        product = np.sqrt(np.vecdot(g, g)) * np.sqrt(np.vecdot(t, t))
        inner = np.vecdot(g, t)
        length[rows] = np.sqrt(np.vecdot(g, g))
        cosine[rows] = np.clip(np.divide(inner, product, out=np.zeros_like(inner), where=product > 0), -1, 1)
        error[rows] = np.vecdot(g - t, g - t)
    return cosine, length, error


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
