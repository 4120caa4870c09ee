"""The laws of every family, on small pairs and on recipes made up at random, by formulas of the tests' own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from scipy.stats import ks_2samp

import w1bench
from support.files import assert_same
from support.forks import Fork
from support.potentials import exact_cones, exact_distance, half_axes, in_axes, potential_of, projector
from support.recipes import FAMILIES, family_recipe
from w1bench.archive import hdf5 as store
from w1bench.builder.build import build
from w1bench.builder.engines.engine import Run
from w1bench.builder.engines.processes import LocalProcesses
from w1bench.builder.engines.threads import LocalThreads
from w1bench.builder.verify import verify
from w1bench.client.stored_pair import StoredPair
from w1bench.errors import PairError
from w1bench.recipes.recipe import Recipe
from w1bench.transport.from_recipe import core_shape, make_map, make_pair
from w1bench.transport.potential import TransportMap

F64 = NDArray[np.float64]
SIGMAS = 5.0


@dataclass(frozen=True)
class Stored:
    """A stored pair with its recipe, the arrays of its truth, its potential by the tests' own formula, and the library's map."""

    pair: StoredPair
    recipe: Recipe
    truth: dict[str, F64]
    u: Callable[[F64], F64]
    map: TransportMap

    @property
    def rounding(self) -> float:
        return 1e-12 if self.pair.manifest.dtype == "float64" else 1e-6

    @property
    def share(self) -> float:
        return self.recipe.late.share if self.recipe.late else 1.0

    def flat(self, *names: str) -> list[F64]:
        """Data sets of test.h5 as flat rows in float64."""
        arrays = (getattr(self.pair.test, name)[:].astype(np.float64) for name in names)
        return [array.reshape(len(array), -1) for array in arrays]


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda recipe: recipe.name)
def stored(request: pytest.FixtureRequest, families: Path) -> Stored:
    return opened(families, request.param)


def opened(folder: Path, recipe: Recipe) -> Stored:
    pair = w1bench.load(folder / recipe.name)
    files = [getattr(pair, file) for file in store.FAMILY_FILES if file in pair.manifest.contents]
    truth = {name: array for file in files for name, array in file.arrays().items()}
    shape = core_shape(recipe, pair.shape)
    return Stored(pair, recipe, truth, potential_of(recipe, shape, truth), make_map(recipe, shape, truth))


def test_a_pair_holds_what_its_manifest_says(stored: Stored) -> None:
    assert [figure.name for figure in verify(stored.pair.folder) if not figure.holds] == []
    assert (stored.pair.manifest.family, stored.pair.manifest.format_version) == (stored.recipe.family, 2)


def test_the_potential_falls_by_the_distance_along_every_ray(stored: Stored) -> None:
    x, y = stored.flat("input", "transported")
    distance = np.linalg.norm(x - y, axis=1)
    assert (np.abs(stored.u(y) - stored.u(x) - distance) / np.maximum(1, distance)).max() <= stored.rounding


def test_stored_values_are_those_of_the_tests_own_formula(stored: Stored) -> None:
    x, z = stored.flat("input", "target")
    for stored_values, points in ((stored.pair.test.input_potential, x), (stored.pair.test.target_potential, z)):
        value = stored.u(points)
        assert (np.abs(stored_values[:] + value) / np.maximum(1, np.abs(value))).max() <= stored.rounding
        np.testing.assert_allclose(stored.map.potential.value(points), value, rtol=1e-12, atol=1e-12)


def test_no_two_points_are_steeper_than_their_distance(stored: Stored) -> None:
    """Along rays and past both their ends, across the kinks there, from one side of a body or subspace to the other, and between centres."""
    x, y, z, g = (rows[:200] for rows in stored.flat("input", "transported", "target", "gradient"))
    half, rng = stored.pair.manifest.half_width, np.random.default_rng(0)
    apart = x - y
    mirrors = [y + way * stored.u(y)[:, None] * g for way in (0.5, 1.0, 2.0, 4.0)]  # u = 0 where the second lies
    points = [x, y, z, -y, y + half * g, y - half * g, y + 3 * apart, *mirrors]
    points += [landmark + 0.3 * half * rng.standard_normal(y.shape) for landmark in (x, landmarks(stored, len(y)))]
    points += [landmarks(stored, len(y)), landmarks(stored, len(y))[::-1]]
    for u in (stored.u, stored.map.potential.value):
        values = [u(point) for point in points]
        steepest = 0.0
        for i, (a, ua) in enumerate(zip(points, values, strict=True)):
            for b, ub in zip(points[:i], values[:i], strict=True):
                distance = np.linalg.norm(a - b, axis=1)
                far = distance > 0.05 * half  # nearer, the rounding of u itself exceeds the bound
                steepest = max(steepest, (np.abs(ua - ub)[far] / distance[far]).max(initial=0.0))
        assert 1 - 1e-6 <= steepest <= 1 + 1e-12 * max(1.0, np.abs(np.stack(values)).max() / half)


def landmarks(stored: Stored, count: int) -> F64:
    """Points where the potential has kinks: centres, side by side where there are blocks, in their subspace; or else the origin."""
    dim = int(np.prod(stored.pair.shape))
    if "center" not in stored.truth:
        return np.zeros((count, dim))
    center, blocks = stored.truth["center"].reshape(len(stored.truth["center"]), -1), stored.recipe.product
    block = stored.truth.get("block", np.zeros(len(center)))
    parts = [center[block == i] for i in range(blocks.blocks if blocks else 1)]
    rows = np.hstack([part[(np.arange(count) * (i + 1)) % len(part)] for i, part in enumerate(parts)])
    return rows @ stored.truth["frame"] if "frame" in stored.truth else rows


def test_no_assignment_of_inputs_to_targets_is_cheaper_than_the_stored_one(stored: Stored) -> None:
    x, y = (rows[:150] for rows in stored.flat("input", "transported"))
    cost = cdist(x, y)
    assert cost[linear_sum_assignment(cost)].sum() == pytest.approx(
        np.trace(cost), rel=1e-12 if stored.rounding < 1e-9 else 1e-6
    )


def test_primal_equals_dual(stored: Stored) -> None:
    x, y = stored.flat("input", "transported")
    primal, dual = np.linalg.norm(x - y, axis=1).mean(), (stored.u(y) - stored.u(x)).mean()
    assert dual == pytest.approx(primal, rel=1e-12 if stored.rounding < 1e-9 else 1e-6)


def test_the_gradient_is_that_of_central_differences(stored: Stored) -> None:
    """In the middle of the ray, which has one gradient, and at inputs, where all lie well away from the end of it."""
    x, y, g = (rows[:12] for rows in stored.flat("input", "transported", "gradient"))
    at_ends = [x, y] if stored.recipe.funnel is None or stored.recipe.product else []
    directions, h = directions_of(x.shape[1]), 1e-6
    for points in ((x + y) / 2, *at_ends):
        steps = h * np.concatenate([g[:, None], np.broadcast_to(directions, (len(g), *directions.shape))], axis=1)
        ahead, back = (stored.u((points[:, None] + step).reshape(-1, x.shape[1])) for step in (steps, -steps))
        slope = ((back - ahead) / (2 * h)).reshape(len(g), -1)
        along = np.einsum("nkd,nd->nk", steps / h, g)
        np.testing.assert_allclose(slope, along, atol=1e-7 if stored.rounding < 1e-9 else 1e-5)
    np.testing.assert_allclose(np.linalg.norm(g, axis=1), 1, atol=stored.rounding)


def directions_of(dim: int) -> F64:
    """All axes of few dimensions, some directions of many."""
    if dim <= 32:
        return np.eye(dim)
    directions = np.random.default_rng(dim).standard_normal((16, dim))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def test_the_stored_truth_scores_perfectly_and_its_negation_worst(stored: Stored) -> None:
    test = stored.pair.test
    fx, fy, g = test.input_potential[:], test.target_potential[:], test.gradient[:]
    best = w1bench.score(stored.pair, gradient=g, input_potential=fx, target_potential=fy).metrics
    assert [best[name].value for name in ("cos", "l2", "dev")] == pytest.approx([1, 0, 0], abs=1e-12)
    assert best["w1_estimate"].value == pytest.approx(stored.pair.w1, rel=1e-12)
    worst = w1bench.score(stored.pair, gradient=-g).metrics
    assert (worst["cos"].value, worst["l2"].value) == pytest.approx((-1, 4), rel=1e-6)


def test_the_map_is_strictly_monotone_along_every_ray(stored: Stored) -> None:
    """Targets at ten places of a ray keep their order and their line; each moves strictly towards where u falls."""
    y, g = stored.flat("transported", "gradient")
    way = stored.map.move(y)[:, None]
    images, places = np.empty((10, *y.shape)), np.linspace(0, 0.3, 10)
    for image, place in zip(images, places, strict=True):
        assert stored.map.move(y + place * way * g, moved=image).min() > 0
    unit = g / np.linalg.norm(g, axis=1, keepdims=True)
    advance = np.einsum("knd,nd->kn", np.diff(images, axis=0), unit)
    across = np.diff(images, axis=0) - advance[..., None] * unit
    scale = stored.pair.manifest.half_width * stored.rounding
    assert np.abs(across).max() <= scale * 10
    told_apart = away_from_centres(stored, images[0])
    assert told_apart.mean() > 0.9
    assert advance[:, told_apart].min() > 0


def away_from_centres(stored: Stored, x: F64) -> NDArray[np.bool_]:
    """Inputs whose distance s' from a centre is not lost when it is added to the centre's coordinates."""
    if stored.recipe.product or "center" not in stored.truth:
        return np.ones(len(x), np.bool_)
    center = stored.truth["center"].reshape(len(stored.truth["center"]), -1)
    return cdist(x @ stored.truth["frame"].T if stored.recipe.spike else x, center).min(axis=1) > 1e-10


def test_w1_is_what_independent_draws_and_closed_forms_say(stored: Stored) -> None:
    x, y = stored.flat("input", "transported")
    recorded, recipe = stored.pair.manifest.known_w1, stored.recipe
    drawn = stored.pair.test if recipe.held_out else stored.pair.train  # W1 is of the pictures that are held out
    apart = [getattr(drawn, name)[:].astype(np.float64) for name in ("target", "input")]
    (up, up_error), (down, down_error) = (mean_and_error(stored.u(rows.reshape(len(rows), -1))) for rows in apart)
    primal, error = mean_and_error(np.linalg.norm(x - y, axis=1))
    assert abs(recorded.value - primal) <= SIGMAS * (error + recorded.stderr) + 1e-9
    assert abs(recorded.value - (up - down)) <= SIGMAS * (up_error + down_error + recorded.stderr)
    if recipe.smooth:
        assert (recorded.value, recorded.rays) == (pytest.approx(stored.share * (1 - 0.35) * 1.5, rel=1e-15), 0)
    elif recipe.shift:
        assert recorded == (1.0, 0.0, 0)
    else:
        value, error = mean_and_error(fresh_costs(stored))
        assert recorded.value == pytest.approx(value, abs=SIGMAS * (error + recorded.stderr))
        assert error < 0.03 * value


def fresh_costs(stored: Stored) -> F64:
    """Draws of the cost of a moved target times their share, by the tests' own formulas."""
    recipe, share, rng = stored.recipe, stored.share, np.random.default_rng(1)
    y = make_pair(recipe).source.draw(rng, 2000).astype(np.float64).reshape(2000, -1)
    y = y @ stored.truth["frame"].T if recipe.spike else y
    if recipe.attenuation:
        kept = y @ projector(recipe.attenuation, stored.pair.shape, stored.truth)
        return share * (1 - recipe.attenuation.factor) * np.linalg.norm(y - kept, axis=1)
    center, offset = stored.truth["center"].reshape(len(stored.truth["center"]), -1), stored.truth["offset"]
    if not recipe.product:
        return share * displacements(stored, y, center, offset)
    parts = [stored.truth["block"] == i for i in range(recipe.product.blocks)]
    lengths = []
    for part, own in zip(parts, np.hsplit(y, len(parts)), strict=True):
        distance = cdist(own, center[part])
        lengths.append(distance[np.arange(len(y)), (distance + offset[part]).argmin(axis=1)])
    return share * 0.9 * sqrt(len(parts)) * np.min(lengths, axis=0)


def displacements(stored: Stored, y: F64, a: F64, b: F64) -> F64:
    """s - S (s/S)^p, where the ray's end S is bisected for: where u stops to be the cone's value, or the cube ends."""
    half, distance = stored.recipe.half_width, cdist(y, a)
    n = (distance + b).argmin(axis=1)
    s = distance[np.arange(len(y)), n]
    v = (y - a[n]) / s[:, None]
    low, high = s.copy(), np.full_like(s, 4 * half * sqrt(y.shape[1]))
    for _ in range(40):
        middle = (low + high) / 2
        point = a[n] + middle[:, None] * v
        inside = (np.abs(point).max(axis=1) <= half) & ((cdist(point, a) + b).min(axis=1) >= middle + b[n] - 1e-12)
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return s - low * (s / low) ** stored.recipe.power


def mean_and_error(values: F64) -> tuple[float, float]:
    return float(values.mean()), float(values.std() / sqrt(len(values)))


def test_late_inputs_are_targets_but_for_the_share_that_is_moved(stored: Stored) -> None:
    x, y, g = stored.flat("input", "transported", "gradient")
    left = (x == y).all(axis=1)
    if stored.share == 1:
        assert not left.any()
        return
    assert abs(left.mean() - (1 - stored.share)) <= SIGMAS * sqrt(stored.share * (1 - stored.share) / len(left))
    ahead, back = (stored.u(y[left] + step * g[left]) for step in (1e-6, -1e-6))
    np.testing.assert_allclose((back - ahead) / 2e-6, 1, atol=1e-7 if stored.rounding < 1e-9 else 1e-5)
    np.testing.assert_allclose(stored.pair.test.input_potential[:][left], -stored.u(y[left]), atol=stored.rounding)


def test_fresh_samplers_draw_the_law_of_the_stored_rows(stored: Stored) -> None:
    draws = [sampler(1024).numpy().astype(np.float64) for sampler in stored.pair.sampler(1024, seed=3)]
    kept = [getattr(stored.pair.train, name)[:].astype(np.float64) for name in ("input", "target")]
    direction = np.random.default_rng(2).standard_normal(int(np.prod(stored.pair.shape)))
    for fresh, rows in zip(draws, kept, strict=True):
        assert fresh.shape == (1024, *stored.pair.shape)
        fresh, rows = (values.reshape(len(values), -1) for values in (fresh, rows))
        for statistic in (stored.u, lambda values: values @ direction, lambda values: np.linalg.norm(values, axis=1)):
            assert ks_2samp(statistic(fresh), statistic(rows)).pvalue > 1e-4
    cost = stored.u(draws[1].reshape(1024, -1)).mean() - stored.u(draws[0].reshape(1024, -1)).mean()
    spread = sum(mean_and_error(stored.u(values.reshape(1024, -1)))[1] for values in draws)
    w1 = make_pair(stored.recipe).training.exact_w1() if stored.recipe.held_out else stored.pair.w1
    assert abs(cost - w1) <= SIGMAS * spread


DIGITS = tuple(
    recipe
    for recipe in FAMILIES
    if recipe.smooth or (recipe.funnel and not recipe.product and recipe.name != "late-photos")
)


@pytest.mark.parametrize("stored", DIGITS, ids=lambda recipe: recipe.name, indirect=True)
def test_values_agree_with_fifty_digits(stored: Stored) -> None:
    for name in ("input", "transported", "target"):
        points = stored.flat(name)[0][:4]
        core = points @ stored.truth["frame"].T if stored.recipe.spike else points
        if stored.recipe.smooth:
            rows = in_axes(stored.recipe, core, stored.truth)
            exact = [exact_distance(row, half_axes(stored.recipe)) for row in rows]
        else:
            exact = [exact_cones(row, stored.truth["center"], stored.truth["offset"]) for row in core]
        np.testing.assert_allclose(stored.map.potential.value(points), exact, rtol=1e-13)
        np.testing.assert_allclose(stored.u(points), exact, rtol=1e-13)


fraction = st.floats(0.05, 0.95)


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    """Any recipe of vectors that has a family but funnels alone."""
    funnels = {"count": draw(st.integers(1, 12)), "offset_std": draw(st.floats(0, 1))}
    radius = draw(st.floats(0.3, 5))
    source: dict[str, object] = {"kind": "uniform", "dim": draw(st.integers(2, 6))}
    if draw(st.booleans()):
        source |= {"kind": "ball", "radius": radius}
        funnels["centers"] = "source"
    tables: dict[str, object] = {"source": source, "half_width": radius, "seed": draw(st.integers(0, 2**40))}
    spike = {"dim": draw(st.integers(30, 40)), "nuisance_std": draw(st.floats(0.1, 3))}
    around = st.lists(st.sampled_from(["spike", "late"]), unique=True)
    kind = draw(st.sampled_from(["funnel", "product", "smooth", "none", "random", "shift"]))
    operations = draw(around)
    if kind == "funnel":
        tables |= {"funnel": funnels, "power": draw(st.floats(1.5, 20))}
        operations = operations or ["late"]
    elif kind == "product":
        tables |= {"funnel": funnels, "product": {"blocks": draw(st.integers(2, 4)), "fraction": draw(fraction)}}
    elif kind == "smooth":
        axes = [draw(st.floats(0.2, 5)), draw(st.floats(0.2, 5))]
        ellipsoid = {
            "dim": source["dim"],
            "axes": axes,
            "reach": radius,
            "fraction": draw(fraction),
            "rotated": draw(st.booleans()),
        }
        tables = {"seed": tables["seed"], "smooth": ellipsoid}
    else:
        operations = [name for name in operations if name == "late"]
        if kind == "shift":
            tables["shift"] = {"distance": draw(st.floats(0.05, 5))}
        else:
            tables["attenuation"] = {"keep": kind, "factor": draw(fraction)} | ({"rank": 1} if kind == "random" else {})
    tables |= {"spike": spike} if "spike" in operations else {}
    tables |= {"late": {"share": draw(fraction)}} if "late" in operations else {}
    return family_recipe("any", **tables)


@settings(deadline=None, max_examples=60)
@given(recipe=recipes())
def test_any_recipe_makes_a_pair_of_which_all_laws_hold(recipe: Recipe) -> None:
    pair = make_pair(recipe)
    u = potential_of(recipe, core_shape(recipe, pair.source.shape), pair.truth)
    y = pair.targets("test.input", 0)
    x, g, potential = np.empty_like(y), np.empty_like(y), np.empty(len(y))
    cost = pair.move("test.input", 0, y, moved=x, gradient=g, potential=potential)
    distance, scale = np.linalg.norm(x - y, axis=1), max(1.0, pair.map.domain.half_width)
    assert np.abs(u(y) - u(x) - distance).max() <= 1e-12 * scale
    assert np.abs(potential + u(x)).max() <= 1e-12 * scale
    np.testing.assert_allclose(np.linalg.norm(g, axis=1), 1, rtol=1e-12)
    assert np.linalg.norm(g * distance[:, None] - (x - y), axis=1).max() <= 1e-12 * scale
    assert max(pair.map.domain.excess(x), pair.map.domain.excess(y)) <= 1e-12 * scale
    points = np.concatenate([x[:60], y[:60], -y[:60], y[:60] + scale * g[:60], y[:60] - scale * g[:60]])
    apart = cdist(points, points)
    slope = np.abs(np.subtract.outer(u(points), u(points)))[apart > 0.05 * scale] / apart[apart > 0.05 * scale]
    assert slope.max(initial=0.0) <= 1 + 1e-12
    assignment = cdist(x[:60], y[:60])
    assert assignment[linear_sum_assignment(assignment)].sum() == pytest.approx(
        np.trace(assignment), rel=1e-12, abs=1e-12
    )
    error = mean_and_error(cost)[1] + mean_and_error(distance)[1]
    assert abs(cost.mean() - distance.mean()) <= 6 * error + 1e-12 * scale
    if (exact := pair.exact_w1()) is not None:
        assert abs(exact - distance.mean()) <= 6 * error + 1e-12 * scale


@dataclass(frozen=True)
class Mortal:
    """An engine that ends its process after some shards, at once."""

    shards: int

    @contextmanager
    def started(self) -> Iterator[Run]:
        def run(work: Any, tasks: Any) -> Iterator[Any]:
            for count, task in enumerate(tasks):
                if count == self.shards:
                    os.kill(os.getpid(), signal.SIGKILL)
                yield work(task)

        yield run


def test_any_engine_and_a_build_that_was_killed_give_the_same_bytes(families: Path, tmp_path: Path) -> None:
    recipe = next(recipe for recipe in FAMILIES if recipe.name == "late-spiked-product")
    for name, engine in (("threads", LocalThreads(3)), ("processes", LocalProcesses(2))):
        assert_same(build(recipe, tmp_path / name, engine=engine, tiles=1), families / recipe.name)
    child = Fork(build, recipe, tmp_path / "killed", engine=Mortal(2), tiles=1)
    child.wait(120)
    with pytest.raises(PairError, match="resume"):
        build(recipe, tmp_path / "killed")
    assert len(list((tmp_path / "killed" / f".{recipe.name}.building" / "shards").glob("*.npz"))) == 2
    assert_same(build(recipe, tmp_path / "killed", resume=True, tiles=1), families / recipe.name)
