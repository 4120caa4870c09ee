"""Congestion: what of a critic's value and slopes is the work of its gradient penalty.

Milne, Nachman, COLT 2022 (see `optimum`): with lam twice the penalty's weight, e = (|grad f| - 1)_+ at the probe points z ~ sigma, and
m = -lam e grad f / |grad f|, a critic at its optimum carries the flow w = m sigma with div w = P - Q: its excess slope *is* the flow. So

    dual value  E_P f - E_Q f - (lam/2) E e^2  <=  flow cost  E[lam e + lam e^2 / 2], with equality at the optimum;
    W1 <= E[lam e], the length of the flow, from gradients alone;
    S = (E_P f - E_Q f) - lam E[e (1 + e)] = 0, for it is stationary under multiples of f;
    R(phi) = E_P phi - E_Q phi - lam E[e <grad f / |grad f|, grad phi>] = 0 for every phi: the coordinates and ||x||^2 / 2 are looked at.

A critic is congested if S and both R are small, which noise, a wrong sign or another size are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from w1bench.arrays import F64, Array

LAM_OF_WEIGHT = 2.0  # lam of a gradient penalty weight x E(||grad f|| - 1)_+^2
_SMALL = 0.1  # of a value, or of a flow's length
_ERRORS = 4.0  # standard errors that chance explains


@dataclass(frozen=True)
class Residual:
    """What should vanish at the optimum, with its standard error, and the size that it is small beside."""

    value: float
    stderr: float
    scale: float

    @property
    def is_small(self) -> bool:
        return abs(self.value) <= _SMALL * self.scale + _ERRORS * self.stderr


@dataclass(frozen=True)
class Congestion:
    """The figures of a critic of value `raw` under a penalty of weight lam / 2; `mean` and `square` are R of the coordinates and of ||x||^2 / 2."""

    lam: float
    raw: float
    penalty: float
    gradient_w1: float
    flow_cost: float
    stationarity: Residual
    mean: Residual
    square: Residual

    @property
    def dual_value(self) -> float:
        return self.raw - self.lam / 2 * self.penalty

    @property
    def debiased_w1(self) -> float:
        return debiased_w1(self.raw, self.lam)

    @property
    def is_congested(self) -> bool:
        """Whether the critic is where its penalty pulls it, with slopes above 1 that carry the flow."""
        residuals = (self.stationarity, self.mean, self.square)
        return self.gradient_w1 > 0 and self.raw > 0 and all(residual.is_small for residual in residuals)


def congestion(
    weight: float, *, values: tuple[Array, Array], probe: Array, probe_gradient: Array, inputs: Array, targets: Array
) -> Congestion:  # fmt: skip
    """The congestion of a critic under a penalty `weight` E(||grad f|| - 1)_+^2.

    `values` are f at `inputs` (m, *shape) and `targets` (n, *shape); `probe_gradient` is grad f at `probe` (k, *shape), whose law is sigma.
    """
    lam = LAM_OF_WEIGHT * weight
    fx, fy = (np.asarray(of_side, np.float64) for of_side in values)
    x, y, z, g = (_flat(points) for points in (inputs, targets, probe, probe_gradient))
    length = np.linalg.norm(g, axis=1)
    e = np.maximum(length - 1, 0)
    away = g / np.maximum(length, np.finfo(np.float64).tiny)[:, None]
    flow = lam * e  # the size of w / sigma
    raw, raw_variance = fx.mean() - fy.mean(), _variance(fx) + _variance(fy)
    balance = flow * (1 + e)
    momentum = flow[:, None] * away
    of_mean = x.mean(0) - y.mean(0) - momentum.mean(0)
    noise = sum(float(_variance(part).sum()) for part in (x, y, momentum))
    half = [np.vecdot(points, points) / 2 for points in (x, y)]
    outward = np.vecdot(momentum, z)
    return Congestion(
        lam=lam, raw=float(raw), penalty=float(np.square(e).mean()), gradient_w1=float(flow.mean()),
        flow_cost=float((flow * (1 + e / 2)).mean()),
        stationarity=Residual(float(raw - balance.mean()), sqrt(raw_variance + _variance(balance)), abs(float(raw))),
        mean=Residual(sqrt(max(float(of_mean @ of_mean) - noise, 0.0)), sqrt(noise), float(flow.mean())),
        square=Residual(
            float(half[0].mean() - half[1].mean() - outward.mean()),
            sqrt(sum(float(_variance(part)) for part in (*half, outward))),
            float((flow * np.linalg.norm(z, axis=1)).mean()),
        ),
    )  # fmt: skip


def debiased_w1(raw: float, lam: float) -> float:
    """W1 of the two point masses whose optimal critic has this raw value: raw = L + L^2 / lam. Of other laws an estimate, of pictures within 9 %."""
    return lam / 2 * (sqrt(1 + 4 * max(raw, 0.0) / lam) - 1)


def predicted_raw(w1: float, lam: float) -> float:
    """The raw value that such a penalty makes of a distance between point masses."""
    return w1 + w1**2 / lam


def _variance(values: F64) -> F64:
    """Of the mean over the rows."""
    return values.var(axis=0) / len(values)


def _flat(points: Array) -> F64:
    return np.asarray(points, np.float64).reshape(len(points), -1)
