"""Rays against the formulas of the paper, evaluated plainly in extended precision over a (B, N, D) array."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.recipes import drawn
from w1bench.errors import SourceError
from w1bench.sources.domains import Ball, Cube, Domain
from w1bench.transport.families.funnel.min_funnel import min_funnel
from w1bench.transport.families.funnel.rays import RayMap

HALF = 2.5


def plain_map(ray_map: RayMap, target: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(x, v, S) by the plain formulas, in the longest floats that numpy has."""
    wide = np.longdouble
    y, a, b = target.astype(wide), ray_map.potential.center.astype(wide), ray_map.potential.offset.astype(wide)
    distance = np.sqrt(np.square(y[:, None] - a[None]).sum(axis=2))
    n = (distance + b).argmin(axis=1)
    s = distance[np.arange(len(y)), n]
    v = (y - a[n]) / s[:, None]
    c = a[n][:, None] - a[None]  # (B, N, D)
    e = b[n][:, None] - b[None]
    slope = e - np.einsum("bnd,bd->bn", c, v)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = np.where(slope > 0, (np.square(c).sum(axis=2) - e * e) / (2 * slope), np.inf)
        crossing[np.arange(len(y)), n] = np.inf
        if isinstance(ray_map.domain, Ball):
            along = (a[n] * v).sum(axis=1)
            wall = -along + np.sqrt(along**2 + ray_map.domain.radius**2 - np.square(a[n]).sum(axis=1))
        else:
            wall = np.where(v > 0, (HALF - a[n]) / v, np.where(v < 0, (-HALF - a[n]) / v, np.inf)).min(axis=1)
    length = np.minimum(crossing.min(axis=1), wall)
    near = length * (s / length) ** wide(ray_map.power)
    return a[n] + near[:, None] * v, v, length


@dataclass(frozen=True)
class Moved:
    """What the map makes of `target` (n, D): inputs and gradients (n, D), potentials and lengths of rays (n,)."""

    target: np.ndarray
    input: np.ndarray
    gradient: np.ndarray
    input_potential: np.ndarray
    ray_length: np.ndarray


def move(ray_map: RayMap, target: np.ndarray) -> Moved:
    x, gradient, potential = np.empty(target.shape), np.empty(target.shape), np.empty(len(target))
    ray_map.move(target, moved=x, gradient=gradient, potential=potential)
    return Moved(target, x, gradient, potential, ray_map.trace(target).length)


CASES = [(1, 1, 2.0), (4, 2, 8.0), (64, 16, 8.0), (256, 128, 8.0), (3, 500, 100.0), (16, 3072, 100.0)]


@pytest.mark.parametrize(("count", "dim", "power"), CASES)
@pytest.mark.parametrize("domain", [Cube(HALF), Ball(HALF)], ids=["cube", "ball"])
def test_rays_equal_the_plain_formulas(count: int, dim: int, power: float, domain: Domain) -> None:
    rng = np.random.default_rng(3)
    funnel = drawn(count, dim)
    target = rng.uniform(-HALF, HALF, (200, dim))
    if isinstance(domain, Ball):
        inside = HALF / np.sqrt(dim)
        funnel = min_funnel(funnel.center / np.sqrt(dim), funnel.offset / np.sqrt(dim))
        target = rng.uniform(-inside, inside, (200, dim))
    ray_map = RayMap(funnel, domain, power)
    x, v, length = plain_map(ray_map, target)
    sample = move(ray_map, target)
    np.testing.assert_allclose(sample.ray_length, length.astype(float), rtol=3e-12)
    np.testing.assert_allclose(sample.input, x.astype(float), atol=2e-12 * np.sqrt(dim))
    np.testing.assert_allclose(sample.gradient, -v.astype(float), atol=1e-14)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 30), st.integers(1, 8), st.floats(1, 200))
def test_every_ray_loses_exactly_its_displacement(seed: int, count: int, dim: int, power: float) -> None:
    funnel = drawn(count, dim, seed)
    target = np.random.default_rng(seed).uniform(-HALF, HALF, (64, dim))
    sample = move(RayMap(funnel, Cube(HALF), power), target)
    distance = np.linalg.norm(sample.target - sample.input, axis=1)
    assert np.abs(funnel.value(sample.target) - funnel.value(sample.input) - distance).max() <= 1e-12
    assert np.abs(sample.input).max() <= HALF * (1 + 1e-15)
    np.testing.assert_allclose(sample.input_potential, -funnel.value(sample.input), atol=1e-12)


def test_beyond_its_end_a_ray_belongs_to_another_funnel_or_leaves_the_cube() -> None:
    funnel = drawn(16, 3)
    sample = move(RayMap(funnel, Cube(HALF), 8.0), np.random.default_rng(0).uniform(-HALF, HALF, (500, 3)))
    center, v = funnel.center[funnel.nearest(sample.target)[0]], -sample.gradient
    before = center + 0.999 * sample.ray_length[:, None] * v
    after = center + 1.001 * sample.ray_length[:, None] * v
    own = np.linalg.norm(before - center, axis=1) + funnel.offset[funnel.nearest(sample.target)[0]]
    np.testing.assert_allclose(funnel.value(before), own, rtol=1e-12)
    beyond = np.linalg.norm(after - center, axis=1) + funnel.offset[funnel.nearest(sample.target)[0]]
    assert ((funnel.value(after) < beyond - 1e-9) | (np.abs(after).max(axis=1) > HALF)).all()


def test_power_one_moves_nothing() -> None:
    target = np.random.default_rng(0).uniform(-HALF, HALF, (50, 4))
    sample = move(RayMap(drawn(8, 4), Cube(HALF), 1.0), target)
    np.testing.assert_allclose(sample.input, target, atol=1e-14)


def test_a_centre_on_the_wall_is_no_trouble() -> None:
    sample = move(RayMap(min_funnel([[HALF, 0.0]], [0.0]), Cube(HALF), 8.0), np.array([[1.0, 0.0], [HALF, 1.0]]))
    assert np.isfinite(sample.input).all()
    np.testing.assert_allclose(sample.ray_length, [2 * HALF, HALF])


def test_a_target_on_a_centre_is_refused() -> None:
    with pytest.raises(SourceError, match="Target 1 is the centre of funnel 0 itself"):
        move(RayMap(min_funnel([[0.5, 0.5]], [0.0]), Cube(HALF), 8.0), np.array([[1.0, 0.0], [0.5, 0.5]]))


def test_the_same_rows_in_other_company_give_the_same_bits() -> None:
    ray_map = RayMap(drawn(64, 16), Cube(HALF), 8.0)
    target = np.random.default_rng(0).uniform(-HALF, HALF, (4096, 16))
    whole = move(ray_map, target).input
    np.testing.assert_array_equal(np.concatenate([move(ray_map, part).input for part in np.split(target, 4)]), whole)
