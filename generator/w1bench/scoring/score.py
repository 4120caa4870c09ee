"""The scoring of a submission: its arrays and a pair's truth in, a scorecard out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from w1bench.archive.manifest import Manifest
from w1bench.arrays import RowArray
from w1bench.scoring.bootstrap import interval, resampled_means
from w1bench.scoring.diagnosis import diagnose, steepest_slope
from w1bench.scoring.metrics import METRIC_VERSION, METRICS, Metric
from w1bench.scoring.scorecard import Interval, Scorecard
from w1bench.scoring.statistics import Points, gradient_points
from w1bench.scoring.submission import Submission


class Scored(NamedTuple):
    """A scorecard, and its metrics over the bootstrap's resamples, for comparison in pairs.

    `resampled` is little-endian float64: RESAMPLES values of each metric that has one, in the scorecard's order.
    """

    card: Scorecard
    resampled: bytes


def score(manifest: Manifest, test: Mapping[str, RowArray], submission: Submission) -> Scorecard:
    """Score a checked submission (see `submission`) on the data sets of a pair's test.h5."""
    return score_resampled(manifest, test, submission).card


def score_resampled(manifest: Manifest, test: Mapping[str, RowArray], submission: Submission) -> Scored:
    """`score`, with what its intervals come from."""
    points = _points(manifest, test, submission)
    metrics: dict[str, Interval | None] = {}
    missing: dict[str, str] = {}
    for name, metric in METRICS.items():
        if reason := _reason_missing(metric, manifest, submission):
            missing[name] = reason
            metrics[name] = None
    means, of_resamples = points.means(), resampled_means(points, manifest.digest())
    resampled = {name: metric.compute(of_resamples) for name, metric in METRICS.items() if name not in missing}
    for name, values in resampled.items():
        metrics[name] = interval(float(METRICS[name].compute(means)), values)
    card = Scorecard(
        pair=manifest.name, pair_version=manifest.version, pair_digest=manifest.digest(),
        metric_version=METRIC_VERSION, points=len(points.cosine), w1=points.w1, w1_stderr=manifest.known_w1.stderr,
        metrics={name: metrics[name] for name in METRICS}, missing=missing,
        diagnosis=diagnose(points, steepest_slope(test, points)), sealed=manifest.sealed,
    )  # fmt: skip
    return Scored(card, np.stack(list(resampled.values())).astype("<f8").tobytes())


def _reason_missing(metric: Metric, manifest: Manifest, submission: Submission) -> str | None:
    if absent := [f"`{name}`" for name in metric.needs if name not in submission]:
        return f"the submission holds no {' and no '.join(absent)}"
    if metric.name == "dev" and manifest.known_w1.value == 0:
        return "the pair's W1 is 0, so there is nothing to be relative to"
    return None


def _points(manifest: Manifest, test: Mapping[str, RowArray], submission: Submission) -> Points:
    w1 = manifest.known_w1.value
    cosine, length, square_error = gradient_points(submission["gradient"], test["gradient"])
    if "input_potential" not in submission or "target_potential" not in submission:
        return Points(w1, cosine, length, square_error)
    fx, fy = (np.asarray(submission[name][:], np.float64) for name in ("input_potential", "target_potential"))
    return Points(
        w1, cosine, length, square_error, fx, fy,
        fx - test["input_potential"][:], fy - test["target_potential"][:],
    )  # fmt: skip
