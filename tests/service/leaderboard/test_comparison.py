"""Paired comparison: noise ties, five standard errors do not, and what two submissions share falls out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from support.boards import standings
from w1bench.archive import hdf5 as store
from w1bench.archive.manifest import read_published_manifest
from w1bench.scoring.metrics import METRIC_VERSION, METRICS
from w1bench.scoring.score import score_resampled
from w1bench.scoring.scorecard import Interval, Scorecard
from w1bench_server.leaderboard import comparison
from w1bench_server.leaderboard.comparison import Compared, difference, unpacked
from w1bench_server.ledger.records import Entry, Score, fold
from w1bench_server.pairs.catalogue import PublishedPair

Array = NDArray[np.float64]
Scoring = Callable[..., Compared]


@pytest.fixture(scope="module")
def scored(pair: PublishedPair, truth: dict[str, Any]) -> Scoring:
    """Scores a gradient that is turned from the truth by angles (m,), its first row of this size, with any potentials."""

    def make(angles: Array, *, size: float = 1.0, **potentials: Array) -> Compared:
        t = truth["gradient"].astype(np.float64)
        turned = np.cos(angles)[:, None] * t + np.sin(angles)[:, None] * np.stack([-t[:, 1], t[:, 0]], 1)
        turned[0] *= size
        with store.open_file(pair.folder / "test.h5") as test:
            card, resampled = score_resampled(
                read_published_manifest(pair.folder), store.datasets(test), {"gradient": turned, **potentials}
            )
        return Compared(card, unpacked(card, resampled))

    return make


def tied(a: Compared, b: Compared, metric: str) -> bool:
    return comparison.tied([a], [b], metric)


def angles(seed: int, spread: float = 0.5) -> Array:
    return spread * np.random.default_rng(seed).standard_normal(1500)


def cosine(score: Compared) -> float:
    interval = score.card.metrics["cos"]
    assert interval is not None
    return interval.value


def test_submissions_that_differ_by_noise_share_a_rank_and_better_ones_do_not(scored: Scoring) -> None:
    noisy = [scored(angles(seed)) for seed in range(8)]
    assert all(tied(a, b, metric) for a in noisy for b in noisy for metric in ("cos", "l2"))
    base = angles(99)
    first = scored(base)
    mean = np.cos(base)
    for errors, expected in ((5.0, False), (1.0, True)):
        # Others' noise, and so much less of it that the mean is better by that many standard errors of the difference.
        other = angles(98)
        for scale in np.linspace(1, 0.5, 501):
            gain = np.cos(scale * other) - mean
            if gain.mean() >= errors * gain.std() / np.sqrt(len(gain)):
                break
        better = scored(scale * other)
        assert cosine(better) > cosine(first)
        assert tied(first, better, "cos") is expected
        assert tied(better, first, "cos") is expected


def test_what_two_share_falls_out(scored: Scoring) -> None:
    """A little better at every point is better for sure, however wide both intervals are."""
    base = angles(1, 1.0)
    a, b = scored(base), scored(0.98 * base)
    found = difference(b, a, "cos")
    assert found is not None
    intervals = [score.card.metrics["cos"] for score in (a, b)]
    assert intervals[0] is not None
    assert intervals[1] is not None
    assert intervals[0].high > intervals[1].low  # they overlap
    assert 0 < found.low < found.difference < found.high
    assert not found.tied


def test_equals_are_tied_also_up_to_rounding(scored: Scoring) -> None:
    base = angles(2)
    a = scored(base)
    assert tied(a, scored(base + 2 * np.pi), "cos")
    assert tied(Compared(a.card, None), Compared(a.card, None), "cos")
    assert not tied(Compared(a.card, None), Compared(scored(0.9 * base).card, None), "cos")


def test_huge_figures_are_no_noise(scored: Scoring, make_card: Callable[..., Scorecard]) -> None:
    rng = np.random.default_rng(0)
    small, huge = (Compared(make_card(l2=size), {"l2": size * rng.normal(1, 0.01, 1000)}) for size in (1.0, 1e200))
    assert not tied(small, huge, "l2")


def test_one_huge_row_does_not_make_noise_the_truth_s_equal(scored: Scoring) -> None:
    """It makes the standard error of l2 as large as the difference; yet the truth is better whether the row is drawn or not."""
    truth, worse = scored(np.zeros(1500)), angles(5, 2.0)
    noise = scored(worse, size=1e6)
    assert not tied(truth, noise, "l2")
    assert not tied(noise, truth, "l2")
    good = scored(angles(6, 0.1))
    assert not tied(good, noise, "l2")
    assert tied(noise, scored(angles(5, 2.0), size=1e6), "l2")
    rank = [tied(truth, scored(angles(seed, 1e-9)), "l2") for seed in range(3)]
    assert rank == [True] * 3  # rounding


def test_every_metric_is_compared_where_both_have_it(scored: Scoring, truth: dict[str, Any]) -> None:
    values = {name: truth[name] for name in ("input_potential", "target_potential")}
    a, b = scored(angles(3), **values), scored(angles(3), **{name: 0.5 * array for name, array in values.items()})
    for metric in METRICS:
        found = difference(a, b, metric)
        assert found is not None
        x, y = a.card.metrics[metric], b.card.metrics[metric]
        assert x is not None
        assert y is not None
        assert (found.a, found.b, found.difference) == (x.value, y.value, x.value - y.value)
        assert found.low - 1e-9 <= found.difference <= found.high + 1e-9
        assert found.tied is ("gradient" in METRICS[metric].needs)
    without = scored(angles(3))
    assert [difference(a, without, metric) is None for metric in METRICS] == [
        "gradient" not in of_it.needs for of_it in METRICS.values()
    ]


def test_without_resamples_points_count_as_independent(scored: Scoring) -> None:
    a, b = scored(angles(3)), scored(angles(4, 0.6))
    committed = Compared(b.card, None)
    paired, apart = difference(a, b, "cos"), difference(a, committed, "cos")
    assert paired is not None
    assert apart is not None
    assert (paired.paired, apart.paired) == (True, False)
    assert apart.difference == paired.difference
    x, y = a.card.metrics["cos"], b.card.metrics["cos"]
    assert x is not None
    assert y is not None
    halves = [(i.high - i.low) / 2 for i in (x, y) if i.high is not None and i.low is not None]
    assert (apart.high - apart.low) / 2 == pytest.approx(np.hypot(*halves), rel=0.02)
    assert comparison.reason(("a", a), ("b", committed), "cos") is None
    rounded = {"cos": Interval(value=0.5, low=None, high=None)}
    sealed = Compared(b.card.model_copy(update={"metrics": {**b.card.metrics, **rounded}}), None)
    assert difference(a, sealed, "cos") is None
    assert comparison.reason(("a", a), ("b", sealed), "cos") == "the cos of b has no interval"


def test_metrics_that_changed_between_versions_are_not_compared(scored: Scoring) -> None:
    a = scored(angles(3))
    older = Compared(a.card.model_copy(update={"metric_version": METRIC_VERSION - 1}), a.resampled)
    assert {metric for metric in ("cos", "l2", "skill") if difference(a, older, metric) is None} == {"skill"}
    assert (
        comparison.reason(("a", a), ("b", older), "skill")
        == "the two were scored by different metric versions, between which it changed"
    )
    assert comparison.reason(("a", a), ("b", older), "cos") is None
    first = {name: older.card.metrics[name] for name in ("cos", "l2", "w1_raw")}  # all that version 1 shares
    oldest = Compared(older.card.model_copy(update={"metric_version": 1, "metrics": first}), a.resampled)
    for both in ((a, oldest), (oldest, a), (oldest, oldest)):
        name = "a" if both[0] is oldest else "b"
        said = comparison.reason(("a", both[0]), ("b", both[1]), "skill") or ""
        assert said.startswith(f"metric version 1, by which {name} was scored, does not have it; ")
    assert (comparison.reason(("a", oldest), ("b", a), "w1_raw") or "").startswith("a has no w1_raw: ")


def test_a_tie_group_is_with_its_best_not_with_its_last(
    scored: Scoring, make_entry: Callable[..., Entry], make_card: Callable[..., Scorecard]
) -> None:
    """A chain of small steps, each within the noise of the one before, is not one group."""
    rng = np.random.default_rng(0)
    resampled = {name: rng.normal(0, 0.01, 1000) for name in "abcd"}
    values = {"a": 0.90, "b": 0.87, "c": 0.84, "d": 0.60}
    entries = [make_entry(name, user=name, cos=value) for name, value in values.items()]
    names = {entry.scorecard: entry.id for entry in entries}

    def opened(score: Score) -> Compared:
        return Compared(score.card, {"cos": resampled[names[score.scorecard]]})

    board = standings(fold({}, enumerate(entries, 1)).values(), opened=opened)
    assert [(s.record.entry.id, s.rank, s.tied) for s in board] == [
        ("a", 1, True), ("b", 1, True), ("c", 3, False), ("d", 4, False),
    ]  # fmt: skip
