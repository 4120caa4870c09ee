"""The words: the one place where figures become sentences, the same in JSON, on the command line and on pages.

A *cause* says what made a critic what it is, a *symptom* what is seen of it, a *remark* what speaks for it. Findings come in this order, so that the first
names the cause; where nothing is wrong there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict

from w1bench.diagnostics.congestion import LAM_OF_WEIGHT, debiased_w1, predicted_raw
from w1bench.diagnostics.findings.evidence import Evidence, Record, gather
from w1bench.diagnostics.findings.facts import Facts
from w1bench.scoring.baseline.baseline import CONTROL
from w1bench.scoring.scorecard import Interval, Scorecard

Code = Literal[
    "minibatch", "memorised", "congestion", "patches", "sign", "size", "radial", "trivial", "slope", "pooled"
]
Severity = Literal["cause", "symptom", "remark"]
_APART = 0.1  # of a value: two that differ by less are near each other
_MEMORY = 0.25  # of the own value, and
_ERRORS = 6.0  # standard errors: a gap that is not chance
_ALIKE = 0.25  # of W1: the length of a flow, or of a patch distance, that is taken for the same
_OPPOSITE = -0.2  # a cosine
_RIGHT = 0.5  # a cosine of a gradient whose direction is right
_LITTLE = 0.1  # a cosine, or what is gained in one
_SKILL = 0.05
_NEARLY = 0.95  # of a gradient that is radial, or constant
_STEEP = 1.001  # a slope beyond the rounding of values


class Finding(BaseModel):
    """One thing that is the matter with a critic: its sentence, and the figures in it by name."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    code: Code
    severity: Severity
    sentence: str
    figures: dict[str, float]


def findings(card: Scorecard, facts: Facts, record: Record | None = None) -> tuple[Finding, ...]:
    """What is wrong with a critic of this scorecard and these facts on the pair of that record, the cause first; nothing while the pair is sealed."""
    evidence = gather(card, facts, record)
    return tuple(finding for rule in _RULES for finding in rule(evidence))


def _minibatch(e: Evidence) -> Iterator[Finding]:
    native, batch, w1 = e.facts.native_value, e.batch, e.card.w1
    if native is None or batch is None or w1 is None:
        return
    dual = max(value for value in (_value(e, "w1_estimate"), e.facts.own_value, -float("inf")) if value is not None)
    within = (1 - _APART / 2) * min(batch.c_transform, batch.emd) <= native <= (1 + _APART / 2) * batch.emd
    if within and native - dual > _APART * native and native - w1 > _APART * w1:
        yield Finding(
            code="minibatch", severity="cause",
            sentence=f"The value {_3(native)} is that of a batch of {batch.size:,}: exact transport between such batches costs {_3(batch.emd)}, "
            f"and the c-transform of the true potential inside them says {_3(batch.c_transform)}, for a W1 of {_3(w1)}.",
            figures={"native_value": native, "batch": batch.size, "batch_emd": batch.emd, "batch_c_transform": batch.c_transform, "w1": w1},
        )  # fmt: skip


def _memorised(e: Evidence) -> Iterator[Finding]:
    own, raw = e.facts.own_value, e.card.metrics.get("w1_raw")
    if own is None or raw is None:
        return
    if own - raw.value > max(_MEMORY * own, _ERRORS * _error(raw)) and own > 0:
        yield Finding(
            code="memorised", severity="cause",
            sentence=f"It has learned its training rows: {_3(own)} on them, {_3(raw.value)} on fresh ones; draw afresh, or stop earlier.",
            figures={"own_value": own, "w1_raw": raw.value},
        )  # fmt: skip


def _congestion(e: Evidence) -> Iterator[Finding]:
    weight, value, w1, found = e.facts.penalty_weight, _value(e, "w1_estimate"), e.card.w1, e.congestion
    if weight is None or value is None or not w1:
        return
    lam = LAM_OF_WEIGHT * weight
    back = debiased_w1(value, lam)
    if found is None:  # by the value alone
        congested = value > (1 + _APART) * w1 and abs(back - w1) < _APART * w1
    else:
        congested = found.raw > 0 and found.stationarity.is_small and abs(found.gradient_w1 / w1 - 1) < _ALIKE
    if congested:
        flow = "" if found is None else f"; its slopes above 1 alone say {_3(found.gradient_w1)}"
        yield Finding(
            code="congestion", severity="cause",
            sentence=f"W1 is overestimated by {_percent(value / w1 - 1)}; a gradient penalty of weight {weight:g} computes congested transport, which predicts about "
            f"{_percent(predicted_raw(w1, lam) / w1 - 1)} at this W1; taken back, the deviation is {_percent(abs(back / w1 - 1))}{flow}.",
            figures={"w1_estimate": value, "w1": w1, "penalty_weight": weight, "predicted": predicted_raw(w1, lam), "debiased_w1": back}
            | ({} if found is None else {
                "gradient_w1": found.gradient_w1, "stationarity": found.stationarity.value, "residual_mean": found.mean.value,
                "residual_square": found.square.value, "flow_cost": found.flow_cost, "dual_value": found.dual_value,
            }),
        )  # fmt: skip


def _patches(e: Evidence) -> Iterator[Finding]:
    patches, value, w1, diagnosis, cos = (
        e.patches,
        _value(e, "w1_estimate"),
        e.card.w1,
        e.card.diagnosis,
        _value(e, "cos"),
    )
    if patches is None or value is None or not w1 or diagnosis is None or cos is None or patches.count < 2:
        return
    slope = (
        diagnosis.gradient_norm_mean * patches.count**0.5
    )  # 1 of a mean over K places of a function of slope 1, whose value is at most the patches' W1
    below = 0 < value < min((1 + _ALIKE) * patches.pooled, (1 - _ALIKE) * w1)
    if abs(slope - 1) < _ALIKE and below and cos < _NEARLY:
        side = f"{patches.size} x {patches.size}" if patches.square else f"{patches.size} values"
        yield Finding(
            code="patches", severity="cause",
            sentence=f"It sees patches of {side}, whose W1 is {_3(patches.pooled)}, not pictures, whose W1 is {_3(w1)}: its value is {_3(value)}, and its slope "
            f"{_3(diagnosis.gradient_norm_mean)} that of a mean over {patches.count} places.",
            figures={"w1_estimate": value, "receptive_field": patches.size, "patch_w1": patches.pooled, "w1": w1, "gradient_norm_mean": diagnosis.gradient_norm_mean},
        )  # fmt: skip


def _sign(e: Evidence) -> Iterator[Finding]:
    cos, diagnosis = _value(e, "cos"), e.card.diagnosis
    if cos is not None and diagnosis is not None and cos < _OPPOSITE and diagnosis.best_scale < 0:
        yield Finding(
            code="sign", severity="symptom",
            sentence=f"The gradient points the other way: f must be high on inputs P and low on targets Q; its negation scores {_3(-cos)}.",
            figures={"cos": cos, "best_scale": diagnosis.best_scale},
        )  # fmt: skip


def _size(e: Evidence) -> Iterator[Finding]:
    l2, diagnosis = _value(e, "l2"), e.card.diagnosis
    if l2 is None or diagnosis is None or diagnosis.best_scale <= 0:
        return
    scaled = abs(diagnosis.best_scale - 1) > _APART and diagnosis.l2_magnitude > diagnosis.l2_direction
    if scaled and diagnosis.best_scale_l2 < 1 - _RIGHT**2:
        yield Finding(
            code="size", severity="symptom",
            sentence=f"The direction is right and the size is not: multiplied by {_3(diagnosis.best_scale)} its L2 is {_3(diagnosis.best_scale_l2)} instead of {_3(l2)}.",
            figures={"best_scale": diagnosis.best_scale, "best_scale_l2": diagnosis.best_scale_l2, "l2": l2},
        )  # fmt: skip


def _radial(e: Evidence) -> Iterator[Finding]:
    cos, shape = _value(e, "cos"), e.card.diagnosis
    if cos is None or shape is None:
        return
    radial, beyond, true_radial = shape.radial, shape.beyond_radial, shape.true_radial
    if radial is None or beyond is None or true_radial is None or (shape.constant or 0) > _NEARLY:
        return
    nothing_else = radial > _NEARLY > abs(true_radial)
    if nothing_else or (beyond < _LITTLE and cos > 2 * _LITTLE and abs(true_radial) < CONTROL):
        yield Finding(
            code="radial", severity="symptom",
            sentence=f"What it has learned is the distance from the middle: the cosine is {_3(cos)}, and with the parts along that way taken out {_3(beyond)}.",
            figures={"cos": cos, "beyond_radial": beyond, "radial": radial},
        )  # fmt: skip


def _trivial(e: Evidence) -> Iterator[Finding]:
    cos, skill, trivial = _value(e, "cos"), _value(e, "skill"), e.card.trivial
    unsolved = e.card.control and cos is not None and trivial and cos < min(_NEARLY, max(trivial.values()))
    if cos is None or not trivial or cos < _OPPOSITE or not (unsolved or (skill is not None and skill < _SKILL)):
        return
    best = max(trivial, key=trivial.__getitem__)
    names = {"radial": "f(x) = -||x - mean of Q||", "shift": "the constant step from the mean of Q to that of P"}
    constant = (e.card.diagnosis and e.card.diagnosis.constant) or 0.0
    zero = e.card.diagnosis is not None and e.card.diagnosis.zero_gradients == e.card.points
    same = (
        "Its gradient is zero everywhere. "
        if zero
        else "Its gradient is the same everywhere. "
        if constant > _NEARLY
        else ""
    )
    worth = (
        "The pair is a control, which every method must solve: it is worse than" if unsolved else "It is no better than"
    )
    yield Finding(
        code="trivial", severity="symptom",
        sentence=f"{same}{worth} {names.get(best, best)}, which gets {_3(trivial[best])} here; it gets {_3(cos)}.",
        figures={"cos": cos, "trivial": trivial[best], "constant": constant} | ({} if skill is None else {"skill": skill}),
    )  # fmt: skip


def _slope(e: Evidence) -> Iterator[Finding]:
    slope = e.card.diagnosis and e.card.diagnosis.slope_at_least
    if slope is not None and slope > _STEEP:
        yield Finding(
            code="slope", severity="symptom",
            sentence=f"The steepest slope of f between two of the points is {slope:.4g}, where at most 1 is allowed, so its value is no lower bound of W1.",
            figures={"slope_at_least": slope},
        )  # fmt: skip


def _pooled(e: Evidence) -> Iterator[Finding]:
    cos = _value(e, "cos")
    means = {k: value for k in (512, 64, 8) if (value := _value(e, f"pooled_{k}")) is not None}
    if cos is None or not means or max(means.values()) - cos <= _LITTLE or max(means.values()) <= 0:
        return
    best = max(means, key=means.__getitem__)
    yield Finding(
        code="pooled", severity="remark",
        sentence=f"Averaged over {best} groups the cosine is {_3(means[best])} ({_3(cos)} point by point): a generator that averages "
        "over such groups fares better than single points suggest.",
        figures={"cos": cos, f"pooled_{best}": means[best]},
    )  # fmt: skip


_RULES: tuple[Callable[[Evidence], Iterator[Finding]], ...] = (
    _minibatch, _memorised, _congestion, _patches, _sign, _size, _slope, _radial, _trivial, _pooled,
)  # fmt: skip


def _value(e: Evidence, metric: str) -> float | None:
    interval = e.card.metrics.get(metric)
    return None if interval is None else interval.value


def _error(interval: Interval) -> float:
    """The standard error that a 95 % interval stands for."""
    return 0.0 if interval.low is None or interval.high is None else (interval.high - interval.low) / 3.92


def _3(value: float) -> str:
    """Three digits, as people write them."""
    return f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if abs(share) >= 0.1 else f"{100 * share:.2g} %"
