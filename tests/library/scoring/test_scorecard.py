"""Scorecards: known critics get known figures, and the intervals mean what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import w1bench
from w1bench.client.stored_pair import StoredPair
from w1bench.scoring.diagnosis.plane import points_in
from w1bench.scoring.metrics import METRICS
from w1bench.scoring.statistics import gradient_points


@pytest.fixture
def pair(archive: Path) -> StoredPair:
    return w1bench.load(archive / "small-d16-n64-p8")


def values(pair: StoredPair, **arrays: Any) -> dict[str, float]:
    card = w1bench.score(pair, **arrays)
    return {name: metric.value for name, metric in card.metrics.items() if metric}


def noisy(pair: StoredPair, noise: float, seed: int = 0) -> NDArray[np.float64]:
    g = pair.test.gradient[:]
    return g + noise * np.random.default_rng(seed).standard_normal(g.shape)


def test_metrics_equal_their_definitions(pair: StoredPair) -> None:
    g, t = noisy(pair, 0.3), pair.test.gradient[:]
    fx, fy = pair.test.input_potential[:], pair.test.target_potential[:]
    found = values(pair, gradient=g, input_potential=1.5 * fx, target_potential=1.5 * fy)
    assert found["cos"] == pytest.approx(np.mean((g * t).sum(1) / np.linalg.norm(g, axis=1)))
    assert found["l2"] == pytest.approx(np.square(g - t).sum(1).mean())
    raw = 1.5 * (fx.mean() - fy.mean())
    assert found["w1_raw"] == pytest.approx(raw)
    estimate = 1.5 * pair.w1  # a multiple of the truth, whose noise all goes
    assert found["w1_estimate"] == pytest.approx(estimate)
    assert found["dev"] == pytest.approx(100 * abs(pair.w1 - estimate) / pair.w1)


def test_a_constant_added_to_the_potential_changes_nothing(pair: StoredPair) -> None:
    g, fx, fy = pair.test.gradient[:], pair.test.input_potential[:], pair.test.target_potential[:]
    found = values(pair, gradient=g, input_potential=fx + 100, target_potential=fy + 100)
    assert found["dev"] == pytest.approx(0, abs=1e-9)


def test_zero_gradients_score_zero(pair: StoredPair) -> None:
    card = w1bench.score(pair, gradient=np.zeros_like(pair.test.gradient[:]))
    assert card.metrics["cos"] is not None
    assert (card.metrics["cos"].value, card.diagnosis.zero_gradients) == (0.0, card.points)
    assert card.diagnosis.best_scale_l2 == 1.0


def test_l2_splits_into_direction_and_magnitude(pair: StoredPair) -> None:
    for scale in (0.3, 1.0, 4.0):
        card = w1bench.score(pair, gradient=scale * noisy(pair, 0.2))
        assert card.metrics["l2"] is not None
        parts = card.diagnosis.l2_direction + card.diagnosis.l2_magnitude
        assert parts == pytest.approx(card.metrics["l2"].value, rel=1e-12)


def test_cosines_are_counted_in_steps(pair: StoredPair) -> None:
    g = pair.test.gradient[:]
    rows = len(g)
    mixed = np.concatenate([g[: rows // 4], -g[rows // 4 : rows // 2], 0 * g[rows // 2 :]])
    for gradient, expected in (
        (g, {19: rows}),
        (-3 * g, {0: rows}),
        (mixed, {19: rows // 4, 0: rows // 2 - rows // 4, 10: rows - rows // 2}),
    ):
        counts = w1bench.score(pair, gradient=gradient).diagnosis.cosine_counts
        assert {step: count for step, count in enumerate(counts) if count} == expected


def test_the_best_scale_is_found_and_does_not_depend_on_the_scale(pair: StoredPair) -> None:
    g, t = noisy(pair, 0.2), pair.test.gradient[:]
    cards = [w1bench.score(pair, gradient=scale * g).diagnosis for scale in (1.0, 7.0)]
    assert cards[0].best_scale == pytest.approx(7 * cards[1].best_scale)
    assert cards[0].best_scale_l2 == pytest.approx(cards[1].best_scale_l2)
    direct = [np.square(s * g - t).sum(1).mean() for s in (0.99 * cards[0].best_scale, cards[0].best_scale)]
    assert direct[1] == pytest.approx(cards[0].best_scale_l2)
    assert direct[0] > direct[1]


def test_the_steepest_slope_is_found_but_for_what_rounding_may_make(pair: StoredPair) -> None:
    g, fx, fy = pair.test.gradient[:], pair.test.input_potential[:], pair.test.target_potential[:]
    truth = w1bench.score(pair, gradient=g, input_potential=fx, target_potential=fy).diagnosis.slope_at_least
    assert truth is not None
    assert truth <= 1 + 1e-12
    tripled = w1bench.score(pair, gradient=g, input_potential=3 * fx, target_potential=3 * fy).diagnosis
    assert tripled.slope_at_least == pytest.approx(3 * truth)
    step = fx.copy()
    step[17] += 50
    near = w1bench.score(pair, gradient=g, input_potential=step, target_potential=fy).diagnosis.slope_at_least
    x, y = pair.test.input[:1024], pair.test.target[:1024]
    others, f = np.concatenate([np.delete(x, 17, 0), y]), np.concatenate([np.delete(step[:1024], 17), fy[:1024]])
    assert near == pytest.approx((np.abs(step[17] - f) / np.linalg.norm(x[17] - others, axis=1)).max())


def test_metrics_without_data_are_null_with_their_reason(pair: StoredPair) -> None:
    card = w1bench.score(pair, gradient=pair.test.gradient[:], input_potential=pair.test.input_potential[:])
    assert card.metrics["dev"] is None
    assert card.missing["dev"] == "the submission holds no `target_potential`"
    assert card.diagnosis.slope_at_least is None
    assert list(card.metrics) == list(METRICS)


def test_intervals_cover_the_mean_about_as_often_as_they_say(pair: StoredPair) -> None:
    """Critics with independent noise share one expected cosine; 95 % intervals should hold most of their own means."""
    widths, centre = [], []
    for seed in range(10):
        metric = w1bench.score(pair, gradient=noisy(pair, 0.5, seed)).metrics["cos"]
        assert metric is not None
        widths.append(metric.high - metric.low)
        centre.append(metric.value)
        assert metric.low < metric.value < metric.high
    cosine = gradient_points(noisy(pair, 0.5), pair.test.gradient)[0]
    assert np.mean(widths) == pytest.approx(2 * 1.96 * cosine.std() / np.sqrt(len(cosine)), rel=0.1)
    assert np.std(centre) < np.mean(widths)


def test_an_interval_stays_within_what_its_metric_can_be(archive: Path) -> None:
    """Noise that averages out in groups leaves their cosines near 1, about which resamples lie on both sides."""
    plane = w1bench.load(archive / "small-d2-n4-p8")
    metrics = w1bench.score(plane, gradient=noisy(plane, 0.7)).metrics
    assert all(metrics[f"pooled_{count}"].high == 1 for count in (8, 64))
    assert metrics["cos"].high < 1


def test_a_scorecard_is_a_function_of_its_submission(pair: StoredPair) -> None:
    g = noisy(pair, 0.2)
    assert w1bench.score(pair, gradient=g) == w1bench.score(pair, gradient=g)


@pytest.mark.parametrize("dim", [12288, 5000, 3072, 1500, 64])
@pytest.mark.parametrize("noise", [1e-4, 0.02, 0.4, 1.0, 30.0])  # the length of g - t
@pytest.mark.parametrize(("dtype", "error"), [(np.float64, 1e-12), (np.float32, 1e-7)])
def test_sums_are_exact_enough(dim: int, noise: float, dtype: type, error: float) -> None:
    rng = np.random.default_rng(0)
    t = rng.standard_normal((50, dim))
    t = (t / np.linalg.norm(t, axis=1, keepdims=True)).astype(dtype)
    g = (t + noise / np.sqrt(dim) * rng.standard_normal(t.shape)).astype(dtype)
    assert_near_exact(g, t, error, of_rows=error if noise <= 0.02 else 10 * error)


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e-4, 1e4, 1e12, 1e30])
def test_float32_of_any_size_is_summed_without_loss(scale: float) -> None:
    rng = np.random.default_rng(0)
    t = rng.standard_normal((40, 1100))
    t = (t / np.linalg.norm(t, axis=1, keepdims=True)).astype(np.float32)
    g = rng.standard_normal(t.shape).astype(np.float32)
    g[::2] *= np.float32(scale)
    assert_near_exact(g, t, 1e-7)


@pytest.mark.parametrize("scale", [1e-308, 1e-200, 1e150])
def test_a_direction_counts_however_long_the_gradient_is(pair: StoredPair, scale: float) -> None:
    g = noisy(pair, 0.5)
    cosine, length, _ = gradient_points(g, pair.test.gradient)
    scaled_cosine, scaled_length, _ = gradient_points(scale * g, pair.test.gradient)
    np.testing.assert_allclose(scaled_cosine, cosine, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(scaled_length, scale * length, rtol=1e-7)


def test_half_precision_is_scored_as_its_float32(pair: StoredPair) -> None:
    t = pair.test.gradient[:].astype(np.float32)
    g = noisy(pair, 0.2).astype(np.float16)
    for found, needed in zip(gradient_points(g, t), gradient_points(g.astype(np.float32), t), strict=True):
        np.testing.assert_array_equal(found, needed)


def assert_near_exact(g: NDArray[Any], t: NDArray[Any], error: float, *, of_rows: float | None = None) -> None:
    """Lengths, square errors and their mean relative to the exact ones, the cosine absolutely."""
    cosine, length, square_error = gradient_points(g, t)
    wide_g, wide_t = g.astype(np.longdouble), t.astype(np.longdouble)
    exact_error = np.square(wide_g - wide_t).sum(1).astype(float)
    np.testing.assert_allclose(square_error, exact_error, rtol=of_rows or error)
    np.testing.assert_allclose(square_error.mean(), exact_error.mean(), rtol=error)
    np.testing.assert_allclose(length, np.sqrt(np.square(wide_g).sum(1)).astype(float), rtol=error)
    exact = (wide_g * wide_t).sum(1) / np.sqrt(np.square(wide_g).sum(1)) / np.sqrt(np.square(wide_t).sum(1))
    np.testing.assert_allclose(cosine, exact.astype(float), rtol=0, atol=error)


def test_a_card_of_a_pair_in_the_plane_holds_some_points_of_the_critic_beside_the_truth(archive: Path) -> None:
    pair = w1bench.load(archive / "small-d2-n4-p8")
    x, t, u = (
        np.asarray(rows[:], np.float64) for rows in (pair.test.input, pair.test.gradient, pair.test.input_potential)
    )
    card = w1bench.score(
        pair, gradient=-0.5 * t, input_potential=3 * u + 1e6, target_potential=pair.test.target_potential[:]
    )
    points = points_in(card.plane)
    assert 100 < len(points) <= 225
    rows = [int(np.linalg.norm(x - point.input, axis=1).argmin()) for point in points]
    assert len(set(rows)) == len(rows)
    assert np.ptp(x[rows], axis=0) == pytest.approx(np.ptp(x, axis=0), rel=0.1)  # spread over all of them
    for name, expected in (("input", x), ("true_gradient", t), ("gradient", -0.5 * t)):
        assert np.array([getattr(point, name) for point in points]) == pytest.approx(expected[rows], abs=1e-3), name
    for name, scale in (("true_value", 1), ("value", 3)):  # but for a constant
        expected = scale * (u[rows] - u[rows].mean())
        assert np.array([getattr(point, name) for point in points]) == pytest.approx(expected, abs=1e-2), name
    assert points_in(w1bench.score(pair, gradient=t).plane)[0].value is None


def test_a_card_of_another_pair_holds_no_points(pair: StoredPair) -> None:
    assert w1bench.score(pair, gradient=pair.test.gradient[:]).plane is None
    assert points_in(None) == []
