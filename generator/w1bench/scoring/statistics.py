"""Statistics of a submission at single test points: sums over the coordinates of gradients, exact enough in float32 too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w1bench.arrays import F64, RowArray, blocks

_PIECE = 1024  # values of a row that are summed in their own precision: 5e-8 off at most in float32
_READ_BYTES = 1 << 23  # of each array at a time
_BLOCK_BYTES = 300_000  # of rows at a time, so that they stay in the cache from one product to the next
_SAFE = (1e-12, 1e12)  # squared lengths of which float32 neither loses nor overflows a term that counts
_NEAR = 0.1  # below this part of ||g||^2 + ||t||^2, what 2 <g, t> leaves of it has lost a digit; as near to twice it, cos is -1


Means = Mapping[str, F64]  # of statistics by their names: over all points, or over each of many resamples of them


@dataclass(frozen=True)
class Points:
    """The statistics of a submission at single points: all that any metric needs, (m,) each by name.

    `length` is r = ||g||. Of `inputs`: cosine <g, t> / (r ||t||), 0 where g = 0; square_error
    ||g - t||^2; pooled_k (see `baseline.groups`); gain_s for steps of W1 / 4 and W1: (||x - y|| - ||x - step g - y||) / step; and of a submission with values input_potential f(x), and input_rest f(x) - beta (f*(x) - W1). Of `targets`: target_potential f(y)
    and target_rest f(y) - beta f*(y). The pair's own statistics at inputs (`baseline.Baseline`) stand beside them: trivial_cosine, that of the best trivial
    critic, 0 where none is above 0, and own_gain_s, the gain of v = t.
    """

    length: F64
    inputs: Means
    targets: Means

    def means(self) -> dict[str, F64]:
        """Over all points."""
        return means_of(self.inputs) | means_of(self.targets)


def means_of(statistics: Means) -> dict[str, F64]:
    """The mean of each over all points."""
    return {name: array.mean() for name, array in statistics.items()}


def gains(cosine: F64, length: F64, distance: F64, step: float) -> F64:
    """(||x - y|| - ||x - step g - y||) / step at every input x, for x - y = distance t: what a step along g removes, by the law of cosines."""
    square = distance * distance - 2 * step * distance * length * cosine + np.square(step * length)
    return (distance - np.sqrt(np.maximum(square, 0))) / step


def fitted_rests(values: tuple[F64, F64], truth: tuple[F64, F64], w1: float) -> tuple[F64, F64]:
    """What is left of f at inputs and targets when the truth f* is taken out as a control variate: f - beta (f* - W1), and f - beta f*.

    beta is fitted on every other point and used at those between, so that the difference of the means is unbiased for E_P f - E_Q f.
    """
    (fx, fy), (tx, ty) = values, truth
    beta = np.empty(len(fx))
    for half in (0, 1):
        fitted = slice(1 - half, None, 2)
        parts = (
            [(f[fitted] - f[fitted].mean(), t[fitted] - t[fitted].mean()) for f, t in ((fx, tx), (fy, ty))]
            if len(fx) > 1
            else []
        )
        variance = sum(float(t @ t) for _, t in parts)
        beta[half::2] = sum(float(f @ t) for f, t in parts) / variance if variance > 0 else 0.0
    return fx - beta * (tx - w1), fy - beta * ty


def gradient_points(gradient: RowArray, truth: RowArray) -> tuple[F64, F64, F64]:
    """(cosine, length, square error) at every point of a gradient against unit vectors, block by block: three (m,).

    Products are taken in float64; of long rows that are both stored in less, in float32, and summed in float64, where that
    loses nothing: means within 1e-7, a single square error within 1e-6. The length of such a truth is taken for 1, which it
    is to 1e-8.
    """
    dim = prod(truth.shape[1:])
    single = dim >= _PIECE and truth.dtype == np.float32 and gradient.dtype in (np.float16, np.float32)
    gt, gg, tt, error = np.empty((4, len(truth)))
    unit = np.ones(len(truth))  # that gradients are taken in, so that no square of theirs overflows or vanishes
    for rows in blocks(truth, _READ_BYTES):
        g, t = (
            np.asarray(array[rows], np.float32 if single else np.float64).reshape(rows.stop - rows.start, dim)
            for array in (gradient, truth)
        )
        gt[rows], gg[rows] = _products(g, t)
        tt[rows] = 1 if single else np.vecdot(t, t)
        error[rows] = gg[rows] + tt[rows] - 2 * gt[rows]
        whole = gg[rows] + tt[rows]
        exact = (error[rows] > _NEAR * whole) & (error[rows] < (2 - _NEAR) * whole)
        exact &= (gg[rows] > _SAFE[0]) & (gg[rows] < _SAFE[1])
        if not exact.all():
            a, b = (array[~exact].astype(np.float64, copy=False) for array in (g, t))
            difference = a - b
            error[rows][~exact] = np.vecdot(difference, difference)
            largest = np.abs(a).max(-1)
            unit[rows][~exact] = np.where(largest > 0, largest, 1)
            a = a / unit[rows][~exact][:, None]
            gt[rows][~exact], gg[rows][~exact], tt[rows][~exact] = np.vecdot(a, b), np.vecdot(a, a), np.vecdot(b, b)
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
    for rows in blocks(g, _BLOCK_BYTES):
        np.vecdot(g[rows], t[rows], out=sums[0, rows])  # reads both, so that the next one finds g in the cache
        np.vecdot(g[rows], g[rows], out=sums[1, rows])
    return sums.sum(-1, dtype=np.float64)
