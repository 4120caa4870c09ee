"""W1 without rays: attenuated pictures against mpmath, against every patch by itself and against rays; a dilated cube against closed forms."""

from __future__ import annotations

from math import log, sqrt
from typing import Any

import mpmath
import numpy as np
import pytest

from support.recipes import small_recipe
from w1bench.recipes.recipe import Recipe
from w1bench.sources.images.photographs import Patches
from w1bench.sources.pictures import NoisyPictures, PictureTable, centred
from w1bench.transport.exact import attenuated_w1, mean_lengths, mean_radius
from w1bench.transport.families.attenuation import (
    AttenuationMap,
    DistanceFromSubspace,
    LowFrequencies,
    Means,
    Origin,
    Span,
    Subspace,
)  # fmt: skip
from w1bench.transport.from_recipe import make_pair
from w1bench.transport.patches import residual_squares


def noncentral_chi_mean(square: float, rank: int, noise: float) -> Any:
    """By the confluent hypergeometric function, to 30 digits."""
    with mpmath.workdps(30):
        half, k = mpmath.mpf(1) / 2, mpmath.mpf(rank)
        series = mpmath.hyp1f1(-half, k / 2, -mpmath.mpf(square) / (2 * mpmath.mpf(noise) ** 2))
        return noise * mpmath.sqrt(2) * mpmath.gamma((k + 1) / 2) / mpmath.gamma(k / 2) * series


@pytest.mark.parametrize(("rank", "noise"), [(2, 0.1), (3, 0.5), (48, 0.01), (2880, 0.01), (12_000, 0.3)])
def test_the_mean_of_a_noncentral_chi_variable_has_ten_digits(rank: int, noise: float) -> None:
    squares = np.array([0.0, 1e-6, 1e-3, 0.3, 1.0, 17.0, 500.0, 3000.0])
    means = mean_lengths(squares, rank, noise)
    for square, mean in zip(squares, means, strict=True):
        exact = noncentral_chi_mean(square, rank, noise)
        assert abs(mean - exact) < 1e-10 * exact, (square, mean)


def test_the_mean_radius_of_a_cube_is_the_known_one() -> None:
    """Bailey, Borwein, Crandall, "Box integrals", 2007."""
    assert mean_radius(1, 2.0) == pytest.approx(1.0, rel=1e-12)
    assert mean_radius(2, 1.0) == pytest.approx((sqrt(2) + log(1 + sqrt(2))) / 3, rel=1e-12)
    assert mean_radius(3, 1.0) == pytest.approx(0.9605919564550529594, rel=1e-12)
    y = np.random.default_rng(0).uniform(-2.5, 2.5, (200_000, 128))
    assert mean_radius(128, 2.5) == pytest.approx(np.linalg.norm(y, axis=1).mean(), rel=1e-4)


PHOTOGRAPHS = tuple(
    np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    for seed, (height, width) in enumerate([(19, 23), (8, 50), (33, 9)])
)
SHAPE = (3, 8, 8)


@pytest.mark.parametrize(
    "subspace", [LowFrequencies(SHAPE, 3), LowFrequencies(SHAPE, 1), Means(SHAPE, (2, 3)), Means(SHAPE, (1,)), Origin()]
)
def test_what_is_taken_from_every_patch_is_what_is_taken_from_each(subspace: Subspace) -> None:
    found = residual_squares(Patches(PHOTOGRAPHS, 8), subspace)
    patches = [
        centred(np.ascontiguousarray(p[row : row + 8, column : column + 8].transpose(2, 0, 1))).ravel()
        for p in PHOTOGRAPHS
        for row in range(p.shape[0] - 7)
        for column in range(p.shape[1] - 7)
    ]
    each = np.square(DistanceFromSubspace(subspace).residual(np.stack(patches))).sum(axis=1)
    assert found is not None
    np.testing.assert_allclose(found, each, rtol=1e-12, atol=1e-11)


def attenuation(late: float | None = None, **table: Any) -> Recipe:
    """Of digits; with `late`, of that share of them."""
    return small_recipe(
        "digits", power=None, funnel=None, half_width=1.2, source={"kind": "images", "dataset": "digits", "noise": 0.01},
        attenuation={"factor": 0.3, **table}, late=late and {"share": late},
    )  # fmt: skip


@pytest.mark.parametrize(
    "table", [{"keep": "lowpass", "size": 4}, {"keep": "mean"}, {"keep": "none"}, {"keep": "random", "rank": 9}]
)
def test_attenuated_digits_agree_with_rays(table: dict[str, Any]) -> None:
    pair = make_pair(attenuation(**table))
    rays = np.concatenate([pair.cost_terms("a test", tile) for tile in range(40)])
    exact = pair.exact_w1()
    assert exact is not None
    assert abs(rays.mean() - exact) < 5 * rays.std() / sqrt(len(rays))


def test_a_late_pair_has_a_share_of_it() -> None:
    whole = make_pair(attenuation(keep="mean")).exact_w1()
    assert whole is not None
    assert make_pair(attenuation(late=0.25, keep="mean")).exact_w1() == pytest.approx(whole / 4, rel=1e-15)


def test_it_is_refused_where_it_would_not_be_exact() -> None:
    """Where the cube's wall redraws pictures, of a random subspace of patches, and of sources without an end."""
    table = PictureTable(np.zeros((2, 1, 4, 4), np.float32))
    means = AttenuationMap(DistanceFromSubspace(Means((1, 4, 4), (2, 3))), 0.3, 1.03)
    assert attenuated_w1(means, NoisyPictures(table, 0.01, 1.03)) is None
    assert attenuated_w1(means, NoisyPictures(table, 0.01, 1.2)) is not None
    assert residual_squares(Patches(PHOTOGRAPHS, 8), Span(np.eye(192)[:3])) is None
    assert make_pair(small_recipe()).exact_w1() is None
