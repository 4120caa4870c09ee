"""MinFunnel: values against a plain evaluation, dominated funnels, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.recipes import drawn
from w1bench.errors import FunnelError
from w1bench.transport.families.funnel.min_funnel import min_funnel


@pytest.mark.parametrize(("count", "dim"), [(1, 1), (4, 2), (64, 16), (256, 128), (16, 3072)])
def test_value_equals_the_minimum_over_differences(count: int, dim: int) -> None:
    funnel = drawn(count, dim)
    x = np.random.default_rng(1).uniform(-2.5, 2.5, (300, dim))
    plain = np.stack([np.linalg.norm(x - a, axis=1) + b for a, b in zip(funnel.center, funnel.offset, strict=True)])
    np.testing.assert_allclose(funnel.value(x), plain.min(axis=0), rtol=1e-14)
    np.testing.assert_array_equal(funnel.nearest(x)[0], plain.argmin(axis=0))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 12), st.floats(1e-12, 1e-2))
def test_value_is_exact_next_to_a_centre(seed: int, count: int, dim: int, step: float) -> None:
    """There the matrix product has lost all digits of the distance."""
    funnel = drawn(count, dim, seed)
    direction = np.random.default_rng(seed).standard_normal((funnel.count, dim))
    x = funnel.center + step * direction
    plain = np.linalg.norm(x[:, None] - funnel.center[None], axis=2) + funnel.offset
    np.testing.assert_allclose(funnel.value(x), plain.min(axis=1), rtol=0, atol=2e-14)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 12))
def test_value_is_1_lipschitz(seed: int, count: int, dim: int) -> None:
    funnel, rng = drawn(count, dim, seed), np.random.default_rng(seed)
    a, b = rng.uniform(-3, 3, (2, 50, dim))
    assert (np.abs(funnel.value(a) - funnel.value(b)) <= np.linalg.norm(a - b, axis=1) * (1 + 1e-12)).all()


def test_dominated_funnels_are_dropped_and_counted_without_changing_the_function() -> None:
    center = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.5]])
    offset = np.array([0.0, 1.5, 0.1])  # the second is above the first's cone everywhere
    funnel = min_funnel(center, offset)
    assert (funnel.count, funnel.dominated) == (2, 1)
    x = np.random.default_rng(0).uniform(-1, 1, (100, 2))
    plain = (np.linalg.norm(x[:, None] - center, axis=2) + offset).min(axis=1)
    np.testing.assert_allclose(funnel.value(x), plain, rtol=1e-14)


def test_a_funnel_on_the_rim_of_another_is_dominated() -> None:
    assert min_funnel([[0.0], [3.0]], [0.0, 3.0]).count == 1


@pytest.mark.parametrize(
    ("center", "offset", "sentence"),
    [
        ([[0.0, 0.0], [0.0, 0.0]], [1.0, 1.0], "Funnels 0 and 1 are the same"),
        (np.zeros((5, 3)), np.zeros(5), "neither would be left"),
        (np.zeros((0, 2)), [], "N and D at least 1"),
        (np.zeros((2, 0)), [0.0, 0.0], "N and D at least 1"),
        ([0.0, 1.0], [0.0, 0.0], r"\(N, D\) centres"),
        ([[0.0], [1.0]], [0.0], r"offsets of shape \(1,\)"),
        ([[0.0, np.nan]], [0.0], r"centre at index \(0, 1\) is nan"),
        ([[0.0], [1.0]], [0.0, np.inf], r"offset at index \(1,\) is inf"),
    ],
)
def test_what_makes_no_funnel_is_refused(center: object, offset: object, sentence: str) -> None:
    with pytest.raises(FunnelError, match=sentence):
        min_funnel(center, offset)  # type: ignore[arg-type]


def test_points_of_another_dimension_are_refused() -> None:
    with pytest.raises(FunnelError, match=r"needs \(n, 2\)"):
        drawn(4, 2).value(np.zeros((3, 5)))
