"""Checks of estimators: the laws have the W1 that they say, samples are fresh and independent, and words say how wrong a number is."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

import w1bench
from w1bench.errors import InputError
from w1bench.trials.estimators.check import Estimate, EstimatorCheck, check_estimator
from w1bench.trials.estimators.laws import make_laws

F32 = NDArray[np.float32]


def assigned(x: F32, y: F32) -> float:
    """The cost of the best assignment of two samples."""
    cost = cdist(x, y)
    return float(cost[linear_sum_assignment(cost)].mean())


@pytest.mark.parametrize("dim", [2, 16, 128])
def test_the_stated_distance_is_what_the_potential_sees(dim: int) -> None:
    """An estimator that knows u: E_Q u - E_P u is W1, within its own error."""
    for law in make_laws((dim,)):
        u = law.map.potential

        def dual(x: F32, y: F32, u: Any = u) -> float:
            return float(u.value(np.asarray(y, float)).mean() - u.value(np.asarray(x, float)).mean())

        found = check_estimator(dual, dims=[dim], sizes=[4000], repeats=6, progress=False)
        (estimate,) = (e for e in found.estimates if e.pair == law.recipe.name)
        assert estimate.w1 == pytest.approx({"shift": 1.0, "smooth": 0.975}[law.recipe.family])
        assert abs(estimate.bias) < 5 * estimate.spread / np.sqrt(6) + 1e-6
        assert estimate.spread < 0.1


def test_samples_are_fresh_independent_and_repeatable() -> None:
    seen: list[tuple[F32, F32]] = []

    def keep(x: F32, y: F32) -> float:
        seen.append((x, y))
        return 0.0

    for _ in range(2):
        check_estimator(keep, dims=[3], sizes=[50, 20], repeats=2, seed=4, progress=False)
    half = len(seen) // 2
    assert all(np.array_equal(a, b) for first, second in zip(seen[:half], seen[half:], strict=True) for a, b in zip(first, second, strict=True))  # fmt: skip
    assert [x.shape for x, _ in seen[:half]] == [(20, 3), (20, 3), (50, 3), (50, 3)] * 2
    assert seen[0][0].dtype == np.float32
    assert not np.array_equal(seen[0][0], seen[1][0])
    x, y = seen[2]  # shifted by a constant, were they partners
    assert np.ptp(x - y, axis=0).min() > 1
    other = check_estimator(lambda x, y: x[0, 0], dims=[3], sizes=[20], repeats=1, seed=5, progress=False)
    assert other.estimates[0].values != (float(seen[0][0][0, 0]),)


def test_an_assignment_is_far_off_in_high_dimension_and_words_say_so() -> None:
    found = w1bench.check_estimator(assigned, dims=(2, 128), sizes=(32, 128), repeats=2, progress=False)
    low, high = found.words()
    assert re.match(r"At D = 2 and n = 128 it says 1\.\d* where W1 is (1|0\.975) \((shift|smooth)-d2\)", low)
    said = re.fullmatch(
        r"At D = 128 and n = 128 it says (\S+) where W1 is 1 \(shift-d128\); its error there is \+(\S+), of 32 points \+(\S+)\.", high,
    )  # fmt: skip
    assert said
    # two independent points of the cube are about sqrt(128 * 2 * 2.5^2 / 3) = 23 apart, whatever the plan
    assert 18 < float(said[1]) < 23
    assert float(said[2]) <= float(said[3])
    lines = found.table().splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) == 5
    assert lines[0].split() == ["pair", "D", "W1", "n", "=", "32", "n", "=", "128"]
    document = found.document()
    assert document["estimator"] == "assigned"
    last = document["estimates"][-1]
    assert (last["pair"], last["n"], len(last["values"])) == ("smooth-d128", 128, 2)
    assert last["bias"] == pytest.approx(np.mean(last["values"]) - 0.975)
    assert str(found).startswith("assigned: mean ± standard deviation\npair")


def test_what_is_not_finite_or_no_number_is_said() -> None:
    found = check_estimator(lambda x, y: np.nan, dims=[2], sizes=[8], progress=False)
    assert found.words() == ["At D = 2 and n = 8 it is not finite (shift-d2)."]
    assert "not finite" in found.table()
    assert found.document()["estimates"][0]["mean"] is None
    for wrong, shape in ((lambda x, y: x, r"ndarray of shape \(8, 2\)"), (lambda x, y: "1", r"str of shape \(\)")):
        with pytest.raises(InputError, match=rf"<lambda> returned a {shape}; it must return one number"):
            check_estimator(wrong, dims=[2], sizes=[8], progress=False)
    for nothing in ({"dims": []}, {"sizes": []}, {"sizes": [0]}, {"repeats": 0}):
        with pytest.raises(InputError, match="nothing to ask"):
            check_estimator(assigned, progress=False, **nothing)
    with pytest.raises(InputError, match="'jaxx'; give numpy or torch"):
        check_estimator(assigned, framework="jaxx", progress=False)


def test_tensors_are_handed_where_they_are_asked_for() -> None:
    def distance(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.cdist(x, y).mean().requires_grad_()

    found = check_estimator(distance, dims=[2], sizes=[16], repeats=1, framework="torch", progress=False)
    assert found.estimates[0].values[0] == pytest.approx(
        check_estimator(lambda x, y: cdist(x, y).mean(), dims=[2], sizes=[16], repeats=1, progress=False).estimates[0].values[0],
        rel=1e-5,
    )  # fmt: skip


def test_an_error_within_its_own_spread_is_none() -> None:
    noisy = Estimate("law", 2, 1.0, 64, (0.5, 1.7, 0.9), 0.0)
    sure = Estimate("law", 2, 1.0, 64, (1.29, 1.3, 1.31), 0.0)
    assert EstimatorCheck("e", [noisy]).words() == [
        "At D = 2 and n = 64 it says 1.03 where W1 is 1 (law), which its spread explains."
    ]
    assert EstimatorCheck("e", [sure]).words() == ["At D = 2 and n = 64 it says 1.3 where W1 is 1 (law)."]
