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

from w1bench.arrays import Array
from w1bench.scoring.diagnosis.excess import excess
from w1bench.scoring.scorecard import Excess

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
    return congestion_of(excess(values, probe, probe_gradient, inputs, targets), weight)


def congestion_of(found: Excess, weight: float) -> Congestion:
    """The congestion of a critic of this excess under a penalty of that weight."""
    lam = LAM_OF_WEIGHT * weight
    balance = lam * (found.mean + found.square)
    residual = found.apart_square - 2 * lam * found.apart_way + lam**2 * found.way_square
    noise = found.apart_variance + lam**2 * found.way_variance
    return Congestion(
        lam=lam, raw=found.raw, penalty=found.square, gradient_w1=lam * found.mean, flow_cost=lam * (found.mean + found.square / 2),
        stationarity=Residual(found.raw - balance, sqrt(found.raw_variance + lam**2 * found.balance_variance), abs(found.raw)),
        mean=Residual(sqrt(max(residual - noise, 0.0)), sqrt(noise), lam * found.mean),
        square=Residual(
            found.half_square - lam * found.outward, sqrt(found.half_square_variance + lam**2 * found.outward_variance), lam * found.reach,
        ),
    )  # fmt: skip


def debiased_w1(raw: float, lam: float) -> float:
    """W1 of the two point masses whose optimal critic has this raw value: raw = L + L^2 / lam. Of other laws an estimate, of pictures within 9 %."""
    return lam / 2 * (sqrt(1 + 4 * max(raw, 0.0) / lam) - 1)


def predicted_raw(w1: float, lam: float) -> float:
    """The raw value that such a penalty makes of a distance between point masses."""
    return w1 + w1**2 / lam
