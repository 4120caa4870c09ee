"""Maps: what keeps to the rays is told from what does not, chains reach their targets, and explicit maps end in the centres."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import w1bench
from support.potentials import potential_of
from support.recipes import drawn
from w1bench.diagnostics.generalisation import generalisation
from w1bench.diagnostics.maps import chain, map_figures, ray_consistency, ray_ends

F64 = NDArray[np.float64]
FAMILY_PAIRS = ("smooth", "product", "spiked-funnel", "lowpass-digits", "shift")


def sphere(dim: int, count: int = 2000) -> F64:
    normal = np.random.default_rng(0).standard_normal((count, dim))
    return 3.0 * normal / np.linalg.norm(normal, axis=1, keepdims=True)


def to_the_centre(x: F64) -> tuple[float, F64]:
    """W1 to the origin, and grad u of u(x) = ||x||."""
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return float(length.mean()), x / np.maximum(length, 1e-300)


@pytest.mark.parametrize("dim", [2, 3, 64])
def test_a_whole_step_takes_the_sphere_to_its_centre(dim: int) -> None:
    end = chain(sphere(dim), to_the_centre, theta=1.0, steps=1)[-1]
    assert np.linalg.norm(end, axis=1).max() < 1e-6


@pytest.mark.parametrize("dim", [2, 3, 64])
def test_half_steps_halve_w1_each_time(dim: int) -> None:
    values = [to_the_centre(x)[0] for x in chain(sphere(dim), to_the_centre, theta=0.5, steps=6)]
    assert np.array(values[1:]) / values[:-1] == pytest.approx(0.5)


@pytest.mark.parametrize(("dim", "count"), [(2, 4), (16, 64), (128, 256)])
def test_the_explicit_map_of_power_infinity_ends_in_the_centres(dim: int, count: int) -> None:
    """All mass of a funnel on its centre: T y = y - a grad u(y), with a = u(y) - b_n where the funnel is known, and found by halving where not."""
    funnel = drawn(count, dim)
    y = np.random.default_rng(1).uniform(-2.5, 2.5, (500, dim))
    distance = np.linalg.norm(y[:, None] - funnel.center, axis=2)
    owner = (distance + funnel.offset).argmin(axis=1)
    centre = funnel.center[owner]
    gradient = (y - centre) / np.linalg.norm(y - centre, axis=1, keepdims=True)
    way = funnel.value(y) - funnel.offset[owner]
    assert y - way[:, None] * gradient == pytest.approx(centre, abs=1e-12)
    found = ray_ends(y, gradient, funnel.value, furthest=5 * np.sqrt(dim))
    assert found == pytest.approx(centre, abs=1e-9)
    assert ray_consistency(found, y, lambda x: -funnel.value(x)) == pytest.approx(1)


@pytest.mark.parametrize("name", FAMILY_PAIRS)
def test_stored_partners_keep_to_the_rays_and_other_maps_do_not(name: str, families: Path) -> None:
    pair = w1bench.load(families / name)
    truth = {
        n: values for part in (pair.funnel, pair.potential) for n, values in part.arrays().items()
    }  # fmt: skip
    u = potential_of(pair.manifest.full_recipe(), pair.shape, truth)
    x, partner, y = (np.asarray(getattr(pair.test, n)[:], np.float64) for n in ("input", "transported", "target"))
    x, partner, y = (points.reshape(len(points), -1) for points in (x, partner, y))

    def f(points: F64) -> F64:
        return -u(points)

    right = map_figures(x, partner, f, y, unique=partner)
    assert right.consistency == pytest.approx(1, abs=1e-5)
    assert right.consistency_5 == pytest.approx(1, abs=1e-3)
    assert right.error == 0
    assert right.moved == 1
    half = map_figures(x, (x + partner) / 2, f, y)
    assert half.consistency == pytest.approx(1, abs=1e-5)  # on the rays, and not yet there
    assert half.error is None
    crossed = map_figures(x, np.roll(partner, 1, axis=0), f, y)
    assert crossed.consistency < 0.95
    assert crossed.left == pytest.approx(right.left, rel=1e-9)  # the same images
    still = map_figures(x, x, f, y)
    assert (still.moved, still.consistency, still.left) == (0, 0, still.before)


def test_a_critic_that_learned_its_rows_is_told_from_one_that_learned_the_law() -> None:
    rng = np.random.default_rng(0)
    fresh = rng.standard_normal(4000) + 1, rng.standard_normal(4000)
    own = rng.standard_normal(500) + 2.5, rng.standard_normal(500)
    found = generalisation(own, fresh)
    assert found.is_memorised
    assert found.gap == pytest.approx(1.5, abs=0.2)
    assert not generalisation(1.02, fresh).is_memorised
    assert not generalisation(-1.0, fresh).is_memorised
