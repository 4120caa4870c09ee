"""W1 to many digits: pooled moments, and when to stop drawing."""

from __future__ import annotations

import numpy as np
import pytest

from w1bench.transport.cost import DEFAULT_RAYS, Cost, pooled_cost, rays_still_needed, tile_moments


def test_pooled_moments_equal_those_of_all_terms() -> None:
    terms = np.random.default_rng(0).normal(3, 2, 5000)
    cost = pooled_cost(np.stack([tile_moments(part) for part in np.split(terms, [10, 1000, 1001, 4000])]))
    assert cost.value == pytest.approx(terms.mean(), rel=1e-14)
    assert cost.stderr == pytest.approx(terms.std(ddof=1) / np.sqrt(5000), rel=1e-12)
    assert cost.rays == 5000


@pytest.mark.parametrize(
    ("cost", "at_least", "cheap", "more"),
    [
        (Cost(1.0, 1e-3, 1000), 1500, True, 500),
        (Cost(1.0, 1e-3, 1000), 500, True, 0),
        (Cost(1.0, 1e-3, 1000), None, False, DEFAULT_RAYS - 1000),
        (Cost(1.0, 8e-5, 1000), None, True, 0),
        (Cost(1.0, 0.0, 1000), None, True, 0),
        (Cost(0.0, 0.0, 1000), None, True, 0),
    ],
)
def test_how_many_rays_are_still_needed(cost: Cost, at_least: int | None, cheap: bool, more: int) -> None:
    assert rays_still_needed(cost, at_least=at_least, cheap=cheap) == more


def test_as_many_rays_as_are_asked_for_reach_the_promised_error() -> None:
    cost = Cost(1.0, 1e-3, 1000)
    total = cost.rays + rays_still_needed(cost, at_least=None, cheap=True)
    assert cost.stderr * np.sqrt(cost.rays / total) <= 9e-5
