"""The scoring of a submission: its arrays and a pair's truth in, a scorecard out."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from w1bench.archive.manifest import Manifest
from w1bench.arrays import F64, RowArray
from w1bench.scoring.baseline.baseline import Baseline, baseline_of
from w1bench.scoring.baseline.groups import pooled_cosines
from w1bench.scoring.diagnosis.excess import excess
from w1bench.scoring.diagnosis.lengths import diagnose
from w1bench.scoring.diagnosis.plane import plane_of
from w1bench.scoring.diagnosis.shape import shape_of
from w1bench.scoring.diagnosis.slopes import slope_at_least
from w1bench.scoring.intervals.bootstrap import interval, resampled_means, resampled_of_pair, size_interval
from w1bench.scoring.metrics import METRIC_VERSION, METRICS, STEPS, VALUES, Metric
from w1bench.scoring.scorecard import Excess, Interval, Scorecard
from w1bench.scoring.statistics import Means, Points, fitted_rests, gains, gradient_points, means_of
from w1bench.scoring.submission import Submission

_ROUNDING = 1e-6  # of a cosine: more than float16 loses
_LEAST_GAIN = 0.1  # of the truth's own step, below which progress would be a quotient of noise


class Scored(NamedTuple):
    """A scorecard, and its metrics over the bootstrap's resamples, for comparison in pairs.

    `resampled` is little-endian float64: RESAMPLES values of each metric that has one, in the scorecard's order.
    """

    card: Scorecard
    resampled: bytes


def score_resampled(manifest: Manifest, test: Mapping[str, RowArray], submission: Submission) -> Scored:
    """Score a checked submission (see `submission`) on the data sets of a pair's test.h5, and the probe points, `interpolate`, where they are among them."""
    digest, w1 = manifest.digest(), manifest.known_w1
    baseline = baseline_of(digest, test, w1.value, family=manifest.family)
    points = points_of(w1.value, test, submission, baseline)
    measured = measure(points, submission, w1=w1.value, baseline=baseline, seed=digest)
    shape = shape_of(submission["gradient"], test["gradient"], test["input"], test["target"])
    card = Scorecard(
        pair=manifest.name, pair_version=manifest.version, pair_digest=digest,
        metric_version=METRIC_VERSION, points=len(points.length), w1=w1.value, w1_stderr=w1.stderr,
        metrics=measured.metrics, missing=measured.missing,
        diagnosis=diagnose(points, slope_at_least(test, submission), shape), excess=_excess(test, submission), plane=plane_of(test, submission), trivial=dict(baseline.trivial), control=baseline.is_control,
        truth=not baseline.is_control and bool(points.inputs["cosine"].min() >= 1 - _ROUNDING), sealed=manifest.sealed,
    )  # fmt: skip
    return Scored(card, measured.resampled)


class Measured(NamedTuple):
    """The metrics of a submission by name, why some are None, and their values over resamples as in `Scored`."""

    metrics: dict[str, Interval | None]
    missing: dict[str, str]
    resampled: bytes


def measure(points: Points, submission: Submission, *, w1: float, baseline: Baseline, seed: str) -> Measured:
    """The metrics of a submission from its figures at the points of a pair; `seed` determines the resamples."""
    means = points.means() | means_of(baseline.statistics)
    of_resamples = resampled_means(points.inputs, points.targets, seed) | resampled_of_pair(baseline.statistics, seed)
    reasons = {name: _reason_missing(metric, means, w1, submission, baseline) for name, metric in METRICS.items()}
    missing = {name: reason for name, reason in reasons.items() if reason is not None}
    metrics: dict[str, Interval | None] = dict.fromkeys(METRICS)
    resampled: list[F64] = []
    for name, metric in METRICS.items():
        if name not in missing:
            value, values = float(metric.compute(means, w1)), metric.compute(of_resamples, w1)
            metrics[name] = size_interval(value, values) if metric.is_size else interval(value, values, metric.bounds)
            resampled.append(np.abs(values) if metric.is_size else values)
    return Measured(metrics, missing, np.stack(resampled).astype("<f8").tobytes())


def _reason_missing(
    metric: Metric, means: Means, w1: float, submission: Submission, baseline: Baseline
) -> str | None:  # fmt: skip
    if absent := [f"`{name}`" for name in metric.needs if name not in submission]:
        return f"the submission holds no {' and no '.join(absent)}"
    if metric.name == "skill" and baseline.is_control:
        return "the pair is a control: a trivial critic solves it, and every method must"
    if w1 == 0 and (metric.name == "dev" or metric.name.startswith("progress")):
        return "the pair's W1 is 0, so there is nothing to be relative to"
    if metric.name.startswith("progress"):
        own = float(means[metric.name.replace("progress", "own_gain")])
        if own < _LEAST_GAIN:
            return f"a step of that length along the truth itself removes {own:.2f} of its length here, too little to be relative to"
    return None


def points_of(w1: float, test: Mapping[str, RowArray], submission: Submission, baseline: Baseline) -> Points:
    """What metrics are means of: a submission beside the truth in the data sets of the role `test`."""
    cosine, length, square_error = gradient_points(submission["gradient"], test["gradient"])
    inputs = {"cosine": cosine, "square_error": square_error}
    inputs |= pooled_cosines(submission["gradient"], test["gradient"], baseline.groups)
    if w1 > 0:
        inputs |= {f"gain_{name}": gains(cosine, length, baseline.distance, part * w1) for name, part in STEPS.items()}
    if "input_potential" not in submission or "target_potential" not in submission:
        return Points(length, inputs, {})
    fx, fy = (np.asarray(submission[name][:], np.float64) for name in VALUES)
    tx, ty = (np.asarray(test[name][:], np.float64) for name in VALUES)
    inputs["input_potential"] = fx
    inputs["input_rest"], target_rest = fitted_rests((fx, fy), (tx, ty), w1)
    return Points(length, inputs, {"target_potential": fy, "target_rest": target_rest})


def _excess(test: Mapping[str, RowArray], submission: Submission) -> Excess | None:
    if "interpolate" not in test or any(name not in submission for name in (*VALUES, "probe_gradient")):
        return None
    values = submission[VALUES[0]], submission[VALUES[1]]
    return excess(values, test["interpolate"], submission["probe_gradient"], test["input"], test["target"])
