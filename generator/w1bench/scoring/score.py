"""The scoring of a submission: its arrays and a pair's truth in, a scorecard out."""

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


def score_resampled(manifest: Manifest, test: Mapping[str, RowArray], submission: Submission) -> Scored:
    """Score a checked submission (see `submission`) on the data sets of a pair's test.h5."""
    points = points_of(manifest.known_w1.value, test, submission)
    measured = measure(points, submission, seed=manifest.digest())
    card = Scorecard(
        pair=manifest.name, pair_version=manifest.version, pair_digest=manifest.digest(),
        metric_version=METRIC_VERSION, points=len(points.cosine), w1=points.w1, w1_stderr=manifest.known_w1.stderr,
        metrics=measured.metrics, missing=measured.missing,
        diagnosis=diagnose(points, steepest_slope(test, points)), sealed=manifest.sealed,
    )  # fmt: skip
    return Scored(card, measured.resampled)


class Measured(NamedTuple):
    """The metrics of a submission by name, why some are None, and their values over resamples as in `Scored`."""

    metrics: dict[str, Interval | None]
    missing: dict[str, str]
    resampled: bytes


def measure(points: Points, submission: Submission, *, seed: str) -> Measured:
    """The metrics of a submission from its figures at the points of a pair; `seed` determines the resamples."""
    reasons = {name: _reason_missing(metric, points.w1, submission) for name, metric in METRICS.items()}
    missing = {name: reason for name, reason in reasons.items() if reason is not None}
    means, of_resamples = points.means(), resampled_means(points, seed)
    resampled = {name: metric.compute(of_resamples) for name, metric in METRICS.items() if name not in missing}
    metrics = {
        name: interval(float(metric.compute(means)), resampled[name]) if name in resampled else None
        for name, metric in METRICS.items()
    }
    return Measured(metrics, missing, np.stack(list(resampled.values())).astype("<f8").tobytes())


def _reason_missing(metric: Metric, w1: float, submission: Submission) -> str | None:
    if absent := [f"`{name}`" for name in metric.needs if name not in submission]:
        return f"the submission holds no {' and no '.join(absent)}"
    if metric.name == "dev" and w1 == 0:
        return "the pair's W1 is 0, so there is nothing to be relative to"
    return None


def points_of(w1: float, test: Mapping[str, RowArray], submission: Submission) -> Points:
    """What metrics are means of: a submission beside the truth in the data sets of the role `test`."""
    cosine, length, square_error = gradient_points(submission["gradient"], test["gradient"])
    if "input_potential" not in submission or "target_potential" not in submission:
        return Points(w1, cosine, length, square_error)
    fx, fy = (np.asarray(submission[name][:], np.float64) for name in ("input_potential", "target_potential"))
    return Points(
        w1, cosine, length, square_error, fx, fy,
        fx - test["input_potential"][:], fy - test["target_potential"][:],
    )  # fmt: skip
