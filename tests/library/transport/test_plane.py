"""W1 of funnels in the plane by angles: a disc in closed form, the midpoint rule, rays, and mpmath between kinks found by bisection."""

from __future__ import annotations

from math import sqrt
from typing import Any

import mpmath
import numpy as np
import pytest

from support.recipes import drawn, small_recipe
from w1bench.recipes.recipe import Recipe
from w1bench.sources.domains import Ball, Cube
from w1bench.transport.families.funnel.min_funnel import min_funnel
from w1bench.transport.families.funnel.rays import RayMap
from w1bench.transport.from_recipe import make_pair
from w1bench.transport.plane import plane_w1


def test_a_disc_about_its_centre_is_the_closed_form() -> None:
    ray_map = RayMap(min_funnel([[0.0, 0.0]], [0.3]), Ball(10.0), 8.0, uniform=True)
    assert plane_w1(ray_map) == pytest.approx(10 * 2 * 7 / (3 * 10), rel=1e-13)


def test_a_square_with_one_funnel_is_mpmath_s() -> None:
    """A centre off the middle, at 30 digits over the four walls."""
    a, b, p, w = 0.7, -0.4, 8, 2.5
    ray_map = RayMap(min_funnel([[a, b]], [0.0]), Cube(w), float(p), uniform=True)
    with mpmath.workdps(30):
        corners = [mpmath.atan2(y - b, x - a) for x, y in ((w, -w), (w, w), (-w, w))]
        edges = [*corners, mpmath.atan2(-w - b, -w - a) + 2 * mpmath.pi, corners[0] + 2 * mpmath.pi]

        def cube(t: Any) -> Any:
            walls = [
                (w - a) / mpmath.cos(t),
                (-w - a) / mpmath.cos(t),
                (w - b) / mpmath.sin(t),
                (-w - b) / mpmath.sin(t),
            ]
            return min(s for s in walls if s > 0) ** 3

        exact = mpmath.quad(cube, edges) * (mpmath.mpf(1) / 3 - mpmath.mpf(1) / (p + 2)) / (4 * mpmath.mpf(w) ** 2)
    assert plane_w1(ray_map) == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize(("count", "domain"), [(2, Cube(2.5)), (16, Cube(2.5)), (200, Cube(2.5)), (12, Ball(3.6))])
def test_it_is_the_limit_of_the_midpoint_rule(count: int, domain: Cube | Ball) -> None:
    ray_map = RayMap(drawn(count, 2, seed=count), domain, 8.0, uniform=True)
    value = plane_w1(ray_map)
    errors: list[float] = []
    for side in (256, 1024):
        axis = domain.half_width * ((2 * np.arange(side) + 1) / side - 1)
        grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
        if isinstance(domain, Ball):
            grid = grid[np.linalg.norm(grid, axis=1) <= domain.radius]
        errors.append(abs(ray_map.cost_of(ray_map.trace(grid)).mean() / value - 1))
    assert errors[1] < 1e-3
    assert errors[1] < max(errors[0], 1e-5)


@pytest.mark.parametrize("recipe", [small_recipe(), small_recipe(spike={"dim": 5, "nuisance_std": 1.0})])
def test_it_agrees_with_rays(recipe: Recipe) -> None:
    pair = make_pair(recipe)
    rays = np.concatenate([pair.cost_terms("a test", tile) for tile in range(300)])
    value = pair.plane_w1()
    assert value is not None
    assert abs(rays.mean() - value) < 5 * rays.std() / sqrt(len(rays))


def test_other_pairs_have_none() -> None:
    assert make_pair(small_recipe(source={"kind": "uniform", "dim": 3})).plane_w1() is None
