"""Scorecard: a submission held against a pair's truth, with bootstrap intervals and the reasons for a low score."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from w1bench.manifest import Manifest
from w1bench.metrics import METRIC_VERSION, METRICS, Mean, Metric, Points, gradient_points
from w1bench.sample import F64
from w1bench.store import Rows
from w1bench.streams import stream
from w1bench.submission import Submission

RESAMPLES = 1000
LEVEL = 0.95
_RESAMPLES_AT_ONCE = 25
_SLOPE_VALUES = 1 << 21  # points x dimensions among which all slopes are compared: seconds at most
_SLOPE_POINTS = 2048
_SLOPE_CANDIDATES = 64
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Interval(_Part):
    """A metric's value and its percentile bootstrap interval over the test points; a rounded value has none."""

    value: float
    low: float | None
    high: float | None


class Diagnosis(_Part):
    """Direction or size? `l2 = l2_direction + l2_magnitude`; `best_scale_l2` is the l2 of the best multiple of g."""

    gradient_norm_mean: float
    gradient_norm_std: float
    gradient_norm_quantiles: dict[str, float]
    zero_gradients: int
    l2_direction: float
    l2_magnitude: float
    best_scale: float
    best_scale_l2: float
    steepest_slope: float | None


class Scorecard(_Part):
    """What a critic scores on a pair. A metric without data is None, its reason in `missing`.

    Before a sealed pair is revealed, W1 and the diagnosis are None too, and what is told is rounded (see `feedback`).
    """

    pair: str
    pair_version: int
    pair_digest: str
    metric_version: int
    points: int
    w1: float | None
    w1_stderr: float | None
    metrics: dict[str, Interval | None]
    missing: dict[str, str]
    diagnosis: Diagnosis | None
    sealed: bool = False  # whether the pair was published so
    resamples: int = RESAMPLES
    level: float = LEVEL


class Scored(NamedTuple):
    """A scorecard, and its metrics over the bootstrap's resamples, for comparison in pairs.

    `resampled` is little-endian float64: RESAMPLES values of each metric that has one, in the scorecard's order.
    """

    card: Scorecard
    resampled: bytes


def score(manifest: Manifest, test: Mapping[str, Rows], submission: Submission) -> Scorecard:
    """Score a checked submission (see `submission`) on the data sets of a pair's test.h5."""
    return score_resampled(manifest, test, submission).card


def score_resampled(manifest: Manifest, test: Mapping[str, Rows], submission: Submission) -> Scored:
    """`score`, with what its intervals come from."""
    points = _points(manifest, test, submission)
    metrics: dict[str, Interval | None] = {}
    missing: dict[str, str] = {}
    for name, metric in METRICS.items():
        if reason := _reason_missing(metric, manifest, submission):
            missing[name] = reason
            metrics[name] = None
    resampled = _resampled(manifest, points, [m for m in METRICS.values() if m.name not in missing])
    for name, means in resampled.items():
        metrics[name] = _interval(METRICS[name], points, means)
    card = Scorecard(
        pair=manifest.name, pair_version=manifest.version, pair_digest=manifest.digest(),
        metric_version=METRIC_VERSION, points=len(points.cosine), w1=points.w1, w1_stderr=manifest.known_w1.stderr,
        metrics={name: metrics[name] for name in METRICS}, missing=missing,
        diagnosis=_diagnosis(points, _steepest_slope(test, points)), sealed=manifest.sealed,
    )  # fmt: skip
    return Scored(card, np.stack(list(resampled.values())).astype("<f8").tobytes())


def _reason_missing(metric: Metric, manifest: Manifest, submission: Submission) -> str | None:
    if absent := [f"`{name}`" for name in metric.needs if name not in submission]:
        return f"the submission holds no {' and no '.join(absent)}"
    if metric.name == "dev" and manifest.known_w1.value == 0:
        return "the pair's W1 is 0, so there is nothing to be relative to"
    return None


def _points(manifest: Manifest, test: Mapping[str, Rows], submission: Submission) -> Points:
    w1 = manifest.known_w1.value
    cosine, length, square_error = gradient_points(submission["gradient"], test["gradient"])
    if "input_potential" not in submission or "target_potential" not in submission:
        return Points(w1, cosine, length, square_error)
    fx, fy = (np.asarray(submission[name][:], np.float64) for name in ("input_potential", "target_potential"))
    return Points(
        w1, cosine, length, square_error, fx, fy,
        fx - test["input_potential"][:], fy - test["target_potential"][:],
    )  # fmt: skip


def _resampled(manifest: Manifest, points: Points, metrics: list[Metric]) -> dict[str, F64]:
    """Metrics over resamples that depend on the pair alone, so that two submissions to it are compared in pairs."""
    n = len(points.cosine)
    samples: dict[str, list[F64]] = {metric.name: [] for metric in metrics}
    for start in range(0, RESAMPLES, _RESAMPLES_AT_ONCE):
        rng = stream(0, f"bootstrap/{manifest.digest()}", start)
        inputs, targets = (_resampled_mean(_resample_counts(rng, n)) for _ in range(2))
        for metric in metrics:
            samples[metric.name].append(metric.compute(points, inputs, targets))
    return {name: np.concatenate(parts) for name, parts in samples.items()}


def _interval(metric: Metric, points: Points, resampled: F64) -> Interval:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    value = metric.compute(points, _plain_mean, _plain_mean)
    return Interval(value=float(value), low=float(low), high=float(high))


def _resample_counts(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """How often each of n points is drawn with replacement: (resamples, n)."""
    draws = (rng.integers(n, size=n) for _ in range(_RESAMPLES_AT_ONCE))
    return np.stack([np.bincount(draw, minlength=n) for draw in draws]).astype(np.float64)


def _resampled_mean(counts: F64) -> Mean:
    return lambda terms: counts @ terms / len(terms)


def _plain_mean(terms: F64) -> F64:
    return terms.mean()


def _diagnosis(points: Points, steepest: float | None) -> Diagnosis:
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


def _steepest_slope(test: Mapping[str, Rows], points: Points) -> float | None:
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
