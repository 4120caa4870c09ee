"""Patches: the chain of distances holds on every sample of pictures, and shuffled pictures are told apart by whole pictures alone."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linprog

import w1bench
from w1bench.diagnostics.batch import exact_plan
from w1bench.diagnostics.patches import cut, joined, nearest, ot_means, patch_w1, shuffled, sliced_w1
from w1bench.errors import InputError

F64 = NDArray[np.float64]
FAMILY_PAIRS = ("lowpass-photos", "lowpass-digits", "mean-photos", "grey-photos", "random-digits", "late-photos")


@pytest.fixture(params=["small-photos", "small-digits", *FAMILY_PAIRS])
def pictures(request: pytest.FixtureRequest, archive: Path, families: Path) -> tuple[F64, F64]:
    pair = w1bench.load((families if request.param in FAMILY_PAIRS else archive) / request.param)
    return pair.test.input[:64], pair.test.target[:64]


@pytest.mark.parametrize("size", [2, 3, 8])
def test_pooled_patches_are_nearer_than_local_ones_and_these_than_pictures(
    pictures: tuple[F64, F64], size: int
) -> None:
    found = patch_w1(*pictures, size, most=1024)
    side = pictures[0].shape[-1]
    assert found.count == (side // size) ** 2
    assert found.pooled <= found.local * (1 + 1e-12)
    assert found.local <= found.bound * (1 + 1e-12)
    assert found.sliced <= found.image
    assert found.pooled > 0


def test_patches_of_the_whole_picture_are_pictures(pictures: tuple[F64, F64]) -> None:
    side = pictures[0].shape[-1]
    found = patch_w1(*pictures, side, most=32)
    assert found.count == 1
    assert found.pooled == pytest.approx(found.image)
    assert found.local == pytest.approx(found.image)


@pytest.mark.parametrize("size", [2, 4])
def test_shuffled_pictures_have_the_same_patches_and_are_other_pictures(pictures: tuple[F64, F64], size: int) -> None:
    _, y = pictures
    x = shuffled(y, size, np.random.default_rng(0))
    found = patch_w1(x, y, size, most=len(y) * (y.shape[-1] // size) ** 2 if size > 2 else 1024)
    assert found.image > 0
    whole = [np.sort(cut(points, size, size), axis=0) for points in (x, y)]
    assert (whole[0] == whole[1]).all()
    if found.pictures == len(y):
        assert found.pooled <= 1e-9
        assert found.local <= 1e-9


def test_a_pooled_critic_on_the_grid_cannot_tell_shuffled_pictures_and_one_of_pictures_can(
    pictures: tuple[F64, F64],
) -> None:
    _, y = pictures
    x = shuffled(y, 4, np.random.default_rng(0))
    weights = np.random.default_rng(1).standard_normal(cut(y, 4, 4).shape[2])
    pooled = [np.tanh(cut(points, 4, 4) @ weights).mean() for points in (x, y)]
    assert pooled[0] == pytest.approx(pooled[1], abs=1e-12)
    cost, order = exact_plan(x, y)
    potential = -np.linalg.norm((x - y[order]).reshape(len(x), -1), axis=1)
    assert -potential.mean() == pytest.approx(cost)
    assert cost > 0.1


def test_cut_and_joined_undo_each_other() -> None:
    rng = np.random.default_rng(0)
    for shape, size in (((3, 8, 8), 4), ((1, 6, 9), 3), ((12,), 4)):
        x = rng.standard_normal((5, *shape))
        assert (joined(cut(x, size, size), shape, size) == x).all()
    x = rng.standard_normal((2, 3, 7, 7))
    parts = cut(x, 3, 2)
    assert parts.shape == (2, 9, 27)
    assert (parts[1, 5] == x[1, :, 2:5, 4:7].ravel()).all()


def test_patches_that_do_not_fit_are_refused() -> None:
    x = np.zeros((2, 3, 8, 8))
    with pytest.raises(InputError, match="from 1 to 8"):
        cut(x, 9, 9)
    with pytest.raises(InputError, match="divides"):
        shuffled(x, 3, np.random.default_rng(0))
    with pytest.raises(InputError, match="at most as many"):
        ot_means(x, 3)


def test_exact_plans_are_those_of_linear_programming() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 12, 3))
    distance = np.linalg.norm(x[:, None] - y[None], axis=2)
    rows = np.kron(np.eye(12), np.ones((1, 12)))
    columns = np.kron(np.ones((1, 12)), np.eye(12))
    program = linprog(distance.ravel(), A_eq=np.concatenate([rows, columns]), b_eq=np.full(24, 1 / 12))
    assert exact_plan(x, y)[0] == pytest.approx(program.fun)


def test_sliced_w1_of_a_shift_is_the_mean_of_its_projections() -> None:
    x = np.random.default_rng(0).standard_normal((500, 3))
    assert sliced_w1(x, x + np.array([2.0, 0, 0]), 4000) == pytest.approx(
        1.0, rel=0.05
    )  # 2 E|<theta, e>| = 2 / 2 in three dimensions


@pytest.mark.parametrize("count", [1, 7, 16])
def test_ot_means_never_increases(pictures: tuple[F64, F64], count: int) -> None:
    _, y = pictures
    generator, costs = ot_means(y, count, rounds=8)
    assert all(later <= earlier * (1 + 1e-12) for earlier, later in pairwise(costs))
    assert costs[-1] < costs[0]
    assert generator.shape == (count, y[0].size)
    assert nearest(generator, y).max() > 0


def test_a_generator_of_as_many_points_as_draws_copies_them() -> None:
    y = np.random.default_rng(0).standard_normal((20, 4))
    generator, costs = ot_means(y, 20, rounds=3)
    assert costs[-1] == pytest.approx(0)
    assert nearest(generator, y).max() == pytest.approx(0)
