"""The laws that make a pair trustworthy, on small pairs of every kind."""

from __future__ import annotations

from math import hypot, sqrt
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from scipy.stats import beta, kstest

import w1bench
from support.recipes import RECIPES
from w1bench.builder.build import build
from w1bench.builder.certificate.blocks import domain_of
from w1bench.client.stored_pair import StoredPair
from w1bench.recipes.files import read_recipe
from w1bench.transport.families.funnel.min_funnel import min_funnel
from w1bench.transport.families.funnel.rays import RayMap

UNIFORM = ("uniform", "ball")


@pytest.fixture
def pair(pair_folder: Path) -> StoredPair:
    return w1bench.load(pair_folder)


@pytest.fixture
def ray_map(pair: StoredPair) -> RayMap:
    """The map of a pair, from its published files alone."""
    domain = domain_of(pair.manifest.public_recipe(), pair.manifest.half_width)
    return RayMap(min_funnel(_flat(pair.funnel.center[:]), pair.funnel.offset[:]), domain, pair.manifest.power)


def test_potential_falls_by_the_distance_along_every_ray(pair: StoredPair, ray_map: RayMap) -> None:
    x, y, u = _flat(pair.test.input[:]), _flat(pair.test.transported[:]), ray_map.potential.value
    distance = np.linalg.norm(x - y, axis=1)
    residual = np.abs(u(y) - u(x) - distance) / np.maximum(1, distance)
    assert residual.max() <= (1e-12 if pair.manifest.dtype == "float64" else 1e-6)


def test_potential_is_1_lipschitz_on_adversarial_pairs(pair: StoredPair, ray_map: RayMap) -> None:
    funnel, rng = ray_map.potential, np.random.default_rng(0)
    x = _flat(pair.test.input[:200])
    y, v = _flat(pair.test.transported[:200]), -_flat(pair.test.gradient[:200])
    center = funnel.center[np.arange(len(x)) % funnel.count]
    ends = funnel.center[funnel.nearest(y)[0]] + ray_map.trace(y).length[:, None] * v
    half = pair.manifest.half_width
    for a, b in (
        (x, y),  # along rays
        (center, y),
        (center, center[::-1]),
        (ends + 0.1 * half * v, y),  # across the end of a ray, where two funnels meet
        (y + 0.5 * half * v, y - 0.5 * half * v),
        (center + rng.standard_normal(x.shape), center - rng.standard_normal(x.shape)),
    ):
        distance = np.linalg.norm(a - b, axis=1)
        far = distance > 0.05 * half
        slope = np.abs(funnel.value(a) - funnel.value(b))[far] / distance[far]
        assert slope.size == 0 or slope.max() <= 1 + 1e-12


def test_inputs_are_on_their_rays_and_the_map_is_monotone(pair: StoredPair, ray_map: RayMap) -> None:
    y = _flat(pair.test.transported[:])
    rays = ray_map.trace(y)
    moved = ray_map.shorten(rays)
    assert (rays.distance <= rays.length * (1 + 1e-12)).all()
    assert (moved <= rays.distance).all()
    farther = rays._replace(distance=np.minimum(rays.distance * 1.01, rays.length))
    assert (ray_map.shorten(farther) >= moved).all()


@pytest.mark.parametrize(
    "pair_folder", [recipe.name for recipe in RECIPES if recipe.source.kind in UNIFORM], indirect=True
)
def test_fraction_of_the_ray_has_the_beta_law(pair: StoredPair, ray_map: RayMap) -> None:
    """The law holds for uniform distributions."""
    rays = ray_map.trace(_flat(pair.test.transported[:]))
    assert kstest(rays.distance / rays.length, beta(pair.manifest.dim, 1).cdf).pvalue > 1e-6


def test_identity_is_an_optimal_assignment_of_paired_rows(pair: StoredPair) -> None:
    x, y = _flat(pair.test.input[:200]), _flat(pair.test.transported[:200])
    cost = cdist(x, y)
    assert cost[linear_sum_assignment(cost)].sum() == pytest.approx(np.trace(cost), rel=1e-6)


def test_primal_equals_dual(pair: StoredPair, ray_map: RayMap) -> None:
    x, y = _flat(pair.test.input[:]), _flat(pair.test.transported[:])
    primal = np.linalg.norm(x - y, axis=1).mean()
    dual = (pair.test.input_potential[:] + ray_map.potential.value(y)).mean()
    assert dual == pytest.approx(primal, rel=1e-6 if pair.manifest.dtype == "float32" else 1e-12)


def test_w1_is_the_mean_displacement_to_sampling_error(pair: StoredPair) -> None:
    distance = np.linalg.norm(_flat(pair.test.input[:]) - _flat(pair.test.transported[:]), axis=1)
    error = distance.std() / sqrt(len(distance)) + pair.manifest.w1_stderr
    assert abs(distance.mean() - pair.w1) <= 5 * error


def test_gradient_is_the_unit_vector_of_its_ray(pair: StoredPair) -> None:
    x, y, g = (_flat(rows[:]) for rows in (pair.test.input, pair.test.transported, pair.test.gradient))
    assert np.linalg.norm(g, axis=1) == pytest.approx(1, abs=1e-6)
    distance = np.linalg.norm(x - y, axis=1, keepdims=True)
    np.testing.assert_allclose(g * distance, x - y, atol=1e-5 if pair.manifest.dtype == "float32" else 1e-12)


def test_a_critic_evaluated_at_stored_inputs_loses_no_more_than_their_rounding(
    pair: StoredPair, ray_map: RayMap
) -> None:
    """The gradient of -u at the rounded x is the ray's up to rounding over the distance from the centre."""
    x = _flat(pair.test.input[:])
    index, distance = ray_map.potential.nearest(x)
    offset = x - ray_map.potential.center[index]
    sound = distance > 0
    g = _flat(pair.test.gradient[:])[sound]
    cosine = -np.vecdot(offset[sound], g) / distance[sound] / np.linalg.norm(g, axis=1)
    rounding = np.finfo(pair.manifest.dtype).eps * np.abs(x).max() * sqrt(x.shape[1])
    assert (1 - cosine <= 4 * np.square(rounding / distance[sound]) + 1e-14).all()


def test_stored_truth_scores_perfectly_and_its_negation_worst(pair: StoredPair) -> None:
    fx, fy, g = pair.test.input_potential[:], pair.test.target_potential[:], pair.test.gradient[:]
    best = w1bench.score(pair, gradient=g, input_potential=fx, target_potential=fy)
    perfect = dict.fromkeys(_values(best), 1.0) | {"l2": 0, "dev": 0, "w1_estimate": pair.w1}
    for name, value in _values(
        best
    ).items():  # stored gradients have length 1 to rounding, which a step's progress sees
        assert value == pytest.approx(perfect[name], abs=1e-9 if name.startswith("progress") else 1e-12), name
    assert {"cos", "pooled_8", "l2", "dev", "w1_estimate"} <= _values(best).keys()
    worst = w1bench.score(pair, gradient=-g, input_potential=-fx, target_potential=-fy)
    assert _values(worst)["cos"] == pytest.approx(-1, abs=1e-12)
    assert _values(worst)["l2"] == pytest.approx(4, rel=1e-6)


def test_shuffled_rows_score_the_square_of_the_mean_gradient(pair: StoredPair) -> None:
    """Shuffled unit vectors have the expected cosine ||E t||^2, which is near 0 where the funnels are many."""
    g = pair.test.gradient[:]
    shuffled = g[np.random.default_rng(0).permutation(len(g))]
    cos = _values(w1bench.score(pair, gradient=shuffled))["cos"]
    mean = _flat(g).mean(axis=0)
    assert abs(cos - mean @ mean) <= 5 / sqrt(len(g))
    if pair.manifest.funnels >= 64:
        assert abs(cos) <= 0.05


@pytest.mark.parametrize(
    ("name", "dim", "w1", "error"),
    [("nd-d2-n4-p8", 2, 0.82122, 9e-5), ("nd-d16-n64-p8", 16, 1.54940, 5e-5), ("nd-d128-n256-p8", 128, 1.02094, 1e-5)],
)
def test_published_funnels(
    name: str, dim: int, w1: float, error: float, published_funnels: Path, tmp_path: Path
) -> None:
    """W1 agrees with an independent computation in float64, and the stored truth is perfect, also at D = 2."""
    toml = tmp_path / "recipe.toml"
    toml.write_text(
        f"name = '{name}'\npower = 8\nhalf_width = 2.5\n[source]\nkind = 'uniform'\ndim = {dim}\n"
        f"[funnel]\nfile = '{published_funnels / name}.pt'\n[sizes]\ntrain = 2000\ntest = 4096\nprobe = 10\n"
    )
    pair = w1bench.load(build(read_recipe(toml), tmp_path / "archive"))
    assert pair.manifest.w1_stderr <= 1e-4 * pair.w1
    assert abs(pair.w1 - w1) <= 4 * hypot(pair.manifest.w1_stderr, error)
    assert _values(w1bench.score(pair, gradient=pair.test.gradient[:]))["cos"] >= 1 - 1e-9


def _flat(points: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(points, np.float64).reshape(len(points), -1)


def _values(card: w1bench.Scorecard) -> dict[str, float]:
    return {n: m.value for n, m in card.metrics.items() if m is not None and n != "w1_raw"}
