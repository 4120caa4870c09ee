"""Batches against their distribution: bounds that hold for every sample, and biases that were measured."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from w1bench.diagnostics import batch
from w1bench.recipes.files import find_recipe
from w1bench.transport.from_recipe import make_pair

F64 = NDArray[np.float64]
_WALK = 0.01


@cache
def draws(name: str, count: int) -> dict[str, F64]:
    """Independent inputs with their partners, gradients and potentials, targets, and further inputs of a catalogued pair."""
    pair = make_pair(find_recipe(name))
    found: dict[str, list[F64]] = {
        key: [] for key in ("input", "partner", "gradient", "potential", "target", "target_potential", "other")
    }
    for tile in range(-(-count // pair.rows)):
        target = pair.targets("input", tile)
        out = {"moved": np.empty_like(target), "gradient": np.empty_like(target), "potential": np.empty(len(target))}
        pair.move("input", tile, target, **out)
        other = np.empty_like(target)
        pair.move("other", tile, pair.targets("other", tile), moved=other)
        free = pair.targets("target", tile)
        for key, rows in (
            ("input", out["moved"]), ("gradient", out["gradient"]), ("potential", out["potential"]), ("partner", target),
            ("target", free), ("target_potential", -pair.map.potential.value(free)), ("other", other),
        ):  # fmt: skip
            found[key].append(rows)
    return {key: np.concatenate(parts)[:count] for key, parts in found.items()}


def curve(name: str, sizes: tuple[int, ...]) -> list[batch.BatchValues]:
    of = draws(name, max(sizes))
    return batch.bias_curve(of["input"], of["target"], of["other"], of["potential"], sizes=sizes)


def test_batches_of_2048_in_128_dimensions_are_nineteen_times_w1_apart() -> None:
    small, large = curve("hd-d128-n256-p8", (256, 2048))
    assert 18.8 <= large.emd.value <= 19.4
    assert 13 <= large.c_transform.value <= 15.5
    assert large.same.value > 18  # of P with itself, whose W1 is 0
    assert small.emd.value > large.emd.value


def test_batches_in_the_plane_are_within_a_few_percent() -> None:
    (found,) = curve("hd-d2-n4-p8", (512,))
    assert found.emd.value == pytest.approx(0.98, abs=0.1)
    assert found.c_transform.value <= found.emd.value


@pytest.mark.parametrize("name", ["hd-d2-n4-p8", "hd-d16-n64-p8", "hd-d128-n256-p8"])
@pytest.mark.parametrize("size", [16, 128])
def test_the_c_transform_of_the_truth_lies_between_the_dual_value_and_the_plan_of_the_same_sample(
    name: str, size: int
) -> None:
    of = draws(name, 1024)
    for start in range(0, 1024, size):
        rows = slice(start, start + size)
        found = batch.c_transform(of["input"][rows], of["target"][rows], of["potential"][rows])
        dual = of["potential"][rows].mean() - of["target_potential"][rows].mean()
        cost, order = batch.exact_plan(of["input"][rows], of["target"][rows])
        assert dual <= found + 1e-9
        assert found <= cost + 1e-9
        assert sorted(order) == list(range(size))


@pytest.mark.parametrize("name", ["hd-d2-n4-p8", "hd-d128-n256-p8"])
def test_the_paired_plan_has_no_bias(name: str) -> None:
    """Sampling P and Q apart is what fails: on x and the y that it was moved from, exact transport is the mean way."""
    of = draws(name, 512)
    way = np.linalg.norm(of["input"] - of["partner"], axis=1)
    for start in range(0, 512, 64):
        rows = slice(start, start + 64)
        assert batch.exact_plan(of["input"][rows], of["partner"][rows])[0] == pytest.approx(way[rows].mean(), abs=1e-9)
        c_transform = batch.c_transform(of["input"][rows], of["partner"][rows], of["potential"][rows])
        assert c_transform == pytest.approx(way[rows].mean(), abs=1e-9)


@pytest.mark.parametrize(("dim", "bounds"), [(128, (1.2, 1.35)), (2, (0.2, 0.4))])
def test_copies_of_the_mean_beat_real_batches_in_high_dimension_only(dim: int, bounds: tuple[float, float]) -> None:
    cube = np.random.default_rng(0).uniform(-2.5, 2.5, (4096, dim))
    found = batch.false_minima(cube, 64)
    assert bounds[0] <= found.ratio <= bounds[1]
    assert (min(found.k_means.value, found.k_medians.value) < found.real.value) == (dim == 128)


def test_the_oracle_of_the_batch_points_the_wrong_way_in_128_dimensions() -> None:
    far, near = (
        batch.oracle(of["input"], of["target"], of["gradient"], 256)
        for of in (draws("hd-d128-n256-p8", 2048), draws("hd-d2-n4-p8", 512))
    )
    assert far.cosine.value == pytest.approx(-0.35, abs=0.05)  # DOT's published cosine is -.343
    assert far.value.value > 19
    assert near.cosine.value > 0.7


def test_clusters_are_found_and_their_medians_are_cheapest() -> None:
    rng = np.random.default_rng(0)
    blobs = np.repeat(np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]), 100, axis=0)
    points = blobs + rng.standard_normal((300, 2))
    for found in (
        batch.k_means(points, 3, np.random.default_rng(4)),
        batch.k_medians(points, 3, np.random.default_rng(4)),
    ):
        distance = np.linalg.norm(found[:, None] - np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]), axis=2)
        assert distance.min(axis=0).max() < 1
    skew = np.concatenate([points[:100], [[100.0, 0.0]]])
    median = batch.geometric_median(skew)

    def cost(centre: F64) -> float:
        return float(np.linalg.norm(skew - centre, axis=1).mean())

    assert cost(median) < cost(skew.mean(0))
    for step in (np.array([_WALK, 0]), np.array([0, _WALK])):
        assert cost(median) <= min(cost(median + step), cost(median - step))


def test_sizes_beyond_the_draws_are_left_out() -> None:
    of = draws("hd-d2-n4-p8", 512)
    given = (of["input"], of["target"], of["other"], of["potential"])
    assert [found.size for found in batch.bias_curve(*given, sizes=(64, 512, 1024))] == [64, 512]
    assert batch.batch_values(*given, 1024) is None
