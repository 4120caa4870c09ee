"""The resamples of a pair are the same for every submission: kept from the one before or drawn anew, by us or by their definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.plain_scoring import scored, slope_at_least
from w1bench.archive.manifest import Manifest
from w1bench.scoring.intervals.bootstrap import Counts, resampled_means
from w1bench.scoring.metrics import METRICS
from w1bench.scoring.score import score_resampled
from w1bench.scoring.scorecard import RESAMPLES
from w1bench.scoring.statistics import Points

W1 = 1.5
EXACT = {"rtol": 1e-12, "atol": 1e-12}
Arrays = dict[str, NDArray[Any]]


def made(points: int, seed: int, *, values: bool = True) -> Arrays:
    """A submission, or the truth of a pair."""
    rng = np.random.default_rng([points, seed])
    gradient = rng.standard_normal((points, 3))
    arrays = {"gradient": gradient / np.linalg.norm(gradient, axis=1, keepdims=True) if seed == 0 else gradient}
    if values:
        arrays |= {name: rng.standard_normal(points) for name in ("input_potential", "target_potential")}
    return arrays


def pair(points: int) -> tuple[Manifest, Arrays]:
    """A pair's manifest and the data sets of its tests."""
    rng = np.random.default_rng(points)
    manifest = Manifest.model_construct(name=f"p{points}", version=1, files={}, w1=W1, w1_stderr=0.0, w1_rays=1)
    test = made(points, 0) | {name: rng.standard_normal((points, 3)) for name in ("input", "target")}
    return manifest, test | {"transported": test["input"] - rng.exponential(W1, (points, 1)) * test["gradient"]}


def statistics(points: int, seed: int, *, values: bool = True) -> Points:
    """Any statistics at `points` points."""
    rng = np.random.default_rng([points, seed])
    drawn = [{name: rng.standard_normal(points) for name in names} for names in ("abc", "de" if values else "")]
    return Points(np.ones(points), *drawn)


@pytest.mark.parametrize("points", [1, 2, 7, 300, 1500])
@pytest.mark.parametrize("values", [True, False])
def test_scores_are_those_of_the_definition_however_often_the_pair_was_scored(points: int, values: bool) -> None:
    manifest, test = pair(points)
    for seed in (1, 2, 1):
        submission = made(points, seed, values=values)
        card, resampled = score_resampled(manifest, test, submission)
        intervals, needed = scored(manifest.digest(), W1, test, submission)
        np.testing.assert_allclose(np.frombuffer(resampled).reshape(-1, RESAMPLES), list(needed.values()), **EXACT)
        assert [name for name, interval in card.metrics.items() if interval] == [n for n in METRICS if n in intervals]
        for name, figures in intervals.items():
            interval = card.metrics[name]
            assert interval is not None
            np.testing.assert_allclose((interval.value, interval.low, interval.high), figures, **EXACT)
        assert card.diagnosis is not None
        if values:
            assert card.diagnosis.slope_at_least == pytest.approx(slope_at_least(test, submission), rel=1e-12)


def test_counts_that_are_kept_give_what_counts_drawn_anew_give() -> None:
    kept, never = Counts(1 << 20), Counts(0)
    for points in (statistics(200, 1), statistics(200, 2, values=False), statistics(300, 1), statistics(200, 3)):
        for digest in ("a", "b", "a"):
            found, fresh = (resampled_means(points.inputs, points.targets, digest, counts) for counts in (kept, never))
            assert found.keys() == fresh.keys()
            for name, means in found.items():
                np.testing.assert_array_equal(means, fresh[name], err_msg=name)
    assert 0 < kept.kept.bytes <= 1 << 20
    assert never.kept.bytes == 0


def test_no_more_is_kept_than_allowed_and_what_was_used_last_stays() -> None:
    size = 2 * RESAMPLES * 100
    kept = Counts(2 * size)
    first, second = (kept.of(digest, 100) for digest in ("a", "b"))
    assert kept.of("a", 100) is first  # so that b is the one to go
    kept.of("c", 100)
    assert kept.kept.bytes == 2 * size
    assert kept.of("a", 100) is first
    assert kept.of("b", 100) is not second
    list(kept.of("large", 201))
    assert kept.kept.bytes == 2 * size
    for side in (0, 1):
        assert sum(counts[side].sum(dtype=int) for counts in kept.of("a", 100)) == RESAMPLES * 100
