"""Critics whose scores follow from algebra: the truth, its multiples, noise, trivial critics, nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import w1bench
from w1bench.client.stored_pair import StoredPair
from w1bench.scoring.scorecard import Scorecard

PAIRS = ("small-d16-n64-p8", "small-d2-n4-p8")
POOLED = ("pooled_8", "pooled_64", "pooled_512")
Arrays = dict[str, NDArray[Any]]


@pytest.fixture(scope="module", params=PAIRS)
def pair(request: pytest.FixtureRequest, archive: Path) -> StoredPair:
    return w1bench.load(archive / request.param)


def truth(pair: StoredPair, scale: float = 1.0) -> Arrays:
    names = ("gradient", "input_potential", "target_potential")
    return {name: scale * getattr(pair.test, name)[:] for name in names}


def values(card: Scorecard) -> dict[str, float]:
    return {name: interval.value for name, interval in card.metrics.items() if interval is not None}


def trivial(pair: StoredPair) -> dict[str, Arrays]:
    """The trivial critics, from their definitions."""
    x, y, partners = pair.test.input[:], pair.test.target[:], pair.test.transported[:]
    outward = np.concatenate([y, partners]).mean(0) - x
    constant = (x - partners).mean(0)
    return {
        "radial": {"gradient": outward / np.linalg.norm(outward, axis=1, keepdims=True)},
        "shift": {"gradient": np.tile(constant / np.linalg.norm(constant), (len(x), 1))},
    }


def gain(pair: StoredPair, gradient: NDArray[Any], step: float) -> float:
    """How much nearer to its partner a step along -gradient moves an input, on average, by the length of the step."""
    x, y = pair.test.input[:], pair.test.transported[:]
    return float((np.linalg.norm(x - y, axis=1) - np.linalg.norm(x - step * gradient - y, axis=1)).mean() / step)


def progress(pair: StoredPair, gradient: NDArray[Any], part: float) -> float:
    return gain(pair, gradient, part * pair.w1) / gain(pair, pair.test.gradient[:], part * pair.w1)


@pytest.mark.parametrize("scale", [1.0, 2.0, 0.5, -1.0])
def test_multiples_of_the_truth(pair: StoredPair, scale: float) -> None:
    given = truth(pair, scale)
    card = w1bench.score(pair, **given)
    found, sign = values(card), np.sign(scale)
    assert card.trivial is not None
    best = max(0.0, *card.trivial.values())
    assert found["cos"] == pytest.approx(sign)
    assert found["skill"] == pytest.approx((sign - best) / (1 - best))
    assert [found[name] for name in POOLED] == pytest.approx([sign] * 3)
    for name, part in (("progress_quarter", 0.25), ("progress_full", 1.0)):
        assert found[name] == pytest.approx(progress(pair, given["gradient"], part))
        assert scale != 1.0 or found[name] == pytest.approx(1.0, abs=1e-12)
    assert found["w1_estimate"] == pytest.approx(scale * pair.w1)
    assert found["dev"] == pytest.approx(100 * abs(scale - 1))
    assert card.truth is (scale > 0)


def test_an_exact_value_has_an_exact_interval(pair: StoredPair) -> None:
    metric = w1bench.score(pair, **truth(pair)).metrics["w1_estimate"]
    assert metric is not None
    assert (metric.low, metric.high) == pytest.approx((pair.w1, pair.w1), abs=1e-12)


@pytest.mark.parametrize("name", ["radial", "shift"])
def test_trivial_critics_have_no_skill(pair: StoredPair, name: str) -> None:
    given = trivial(pair)[name]
    card = w1bench.score(pair, **given)
    found = values(card)
    assert card.trivial is not None
    assert found["cos"] == pytest.approx(card.trivial[name])
    best = max(0.0, *card.trivial.values())
    assert found["skill"] == pytest.approx((card.trivial[name] - best) / (1 - best))
    assert found["skill"] <= 1e-12
    assert found["progress_full"] == pytest.approx(progress(pair, given["gradient"], 1.0))
    assert not card.truth


def test_zero_gains_nothing(pair: StoredPair) -> None:
    card = w1bench.score(pair, **truth(pair, 0.0))
    found = values(card)
    assert card.trivial is not None
    best = max(0.0, *card.trivial.values())
    assert [found[name] for name in ("cos", *POOLED, "progress_quarter", "progress_full")] == [0.0] * 6
    assert found["skill"] == pytest.approx(-best / (1 - best))
    assert card.diagnosis is not None
    assert card.diagnosis.slope_at_least == 0.0


def test_noise_is_told_from_zero_by_nothing_but_its_size(pair: StoredPair) -> None:
    noise = np.random.default_rng(0).standard_normal(pair.test.gradient.shape)
    found = w1bench.score(pair, gradient=noise).metrics
    for name in ("cos", "pooled_512"):
        interval = found[name]
        assert interval is not None
        assert abs(interval.value) < 0.15
        assert interval.low is not None
        assert interval.high is not None
        assert interval.low < 0.05
        assert interval.high > -0.05
    assert found["progress_full"] is not None
    assert found["progress_full"].value < 0


@pytest.mark.parametrize("added", [0, 1000])
@pytest.mark.parametrize("name", ["truth", "norm"])
def test_a_critic_of_slope_1_is_not_called_steep_for_its_rounding(pair: StoredPair, name: str, added: float) -> None:
    def f(points: Any, stored: Any) -> NDArray[np.float32]:
        values = stored[:] if name == "truth" else -np.linalg.norm(points[:].astype(np.float32), axis=1)
        return values.astype(np.float32) + np.float32(added)

    test = pair.test
    given = {
        "input_potential": f(test.input, test.input_potential),
        "target_potential": f(test.target, test.target_potential),
    }
    for dtype in (np.float32, np.float64):  # values of float32 stored in float64 have their rounding still
        card = w1bench.score(
            pair, gradient=test.gradient[:], **{name: of_it.astype(dtype) for name, of_it in given.items()}
        )
        assert card.diagnosis is not None
        assert card.diagnosis.slope_at_least is not None
        assert card.diagnosis.slope_at_least <= 1
        assert added or card.diagnosis.slope_at_least > 0.7


def test_the_fitted_control_variate_is_no_noisier_than_the_raw_value_nor_than_a_coefficient_of_1(
    pair: StoredPair,
) -> None:
    rng = np.random.default_rng(0)
    fx, fy = (getattr(pair.test, name)[:] for name in ("input_potential", "target_potential"))
    for scale in (0.1, 1.0, 3.0):
        noisy = {"input_potential": scale * fx + 0.05 * rng.standard_normal(fx.shape), "target_potential": scale * fy}
        metrics = w1bench.score(pair, gradient=pair.test.gradient[:], **noisy).metrics
        estimate, raw = metrics["w1_estimate"], metrics["w1_raw"]
        assert estimate is not None
        assert raw is not None
        width, raw_width = (i.high - i.low for i in (estimate, raw) if i.high is not None and i.low is not None)
        plain = (noisy["input_potential"] - fx).std() ** 2 + (noisy["target_potential"] - fy).std() ** 2
        assert width < 1.1 * min(raw_width, 2 * 1.96 * np.sqrt(plain / len(fx)))
        assert estimate.low is not None
        assert estimate.high is not None
        assert estimate.low - 0.05 < scale * pair.w1 < estimate.high + 0.05
