"""Figures that hold the recorded W1 against independent estimates of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import hypot, prod, sqrt

import numpy as np

from w1bench.archive.manifest import Figure
from w1bench.arrays import F64, RowArray
from w1bench.builder.certificate.blocks import SIGMAS, Files, blockwise, distances, rounding_of
from w1bench.recipes.recipe import Recipe
from w1bench.recipes.sources import BallSource, ImageSource, UniformSource
from w1bench.sources.from_recipe import make_source
from w1bench.transport.cost import Cost, pooled_cost, tile_moments
from w1bench.transport.families.funnel.rays import RayMap
from w1bench.transport.from_recipe import pair_of
from w1bench.transport.pair import Pair, Truth
from w1bench.transport.plane import plane_w1
from w1bench.transport.potential import TransportMap

_KOLMOGOROV = 3.0  # sqrt(n) D_n above it: a false alarm in 33 million
_FRESH_RAYS = 1 << 21
_MOST_REPLAYED = 1 << 26  # rays: some ten seconds in the plane


def costs(recipe: Recipe, recorded: Cost, ray_map: TransportMap, truth: Truth, files: Files) -> Iterator[Figure]:
    """W1 compared with the stored partners, the dual value, fresh rays, the closed form, and in two dimensions an integral over angles."""
    test, train, potential = files["test"], files["train"], ray_map.potential.value
    dim = prod(test["input"].shape[1:])
    displacement = blockwise(distances, test["input"], test["transported"])
    dual = test["input_potential"][:] + blockwise(potential, test["transported"])
    yield Figure(
        name="primal_dual",
        value=float(abs(displacement.mean() - dual.mean())) / max(1.0, recorded.value),
        limit=rounding_of(test["input"].dtype),
        meaning="|mean ||y - x|| - mean (f*(x) - f*(y))| over the stored partners",
    )
    partners = _cost(displacement)
    yield _agreement("w1_primal", recorded, partners, "stored partners")
    held_out = recipe.held_out is not None  # then training draws have another law than W1 is of
    draws = test if held_out else train
    inputs, targets = (_cost(-blockwise(potential, draws[name])) for name in ("input", "target"))
    independent = Cost(inputs.value - targets.value, hypot(inputs.stderr, targets.stderr), inputs.rays)
    yield _agreement("w1_dual", recorded, independent, f"dual value of the {'test' if held_out else 'training'} draws")
    yield _unpaired(train, potential, dim)
    pair = _drawable(recipe, truth)
    if pair is None:
        if recorded.rays:
            # The rays of inputs that were left where they were count, too.
            late = recipe.late and _cost(recipe.late.share * blockwise(ray_map.move, test["transported"]))
            yield _stderr(recorded, late or partners)
        return
    if (exact := pair.exact_w1()) is not None:
        yield Figure(
            name="w1_closed", value=abs(recorded.value - exact) / exact,
            limit=1e-9 if recipe.attenuation else 1e-12,
            meaning=f"relative difference of W1 from {exact:.12g}, which needs no rays",
        )  # fmt: skip
        return
    tiles = range(-(-min(recorded.rays, _FRESH_RAYS) // pair.rows))
    fresh = pooled_cost(np.stack([tile_moments(pair.cost_terms("verify", tile)) for tile in tiles]))
    yield _agreement("w1_fresh", recorded, fresh, "fresh rays")
    yield _stderr(recorded, fresh)
    if recorded.rays <= _MOST_REPLAYED:
        yield _replayed(pair, recorded)
    if isinstance(ray_map, RayMap) and not recipe.late:
        yield _beta_law(ray_map, test)
        if (value := plane_w1(ray_map)) is not None:
            yield _quadrature(value, recorded)


def _agreement(name: str, recorded: Cost, estimate: Cost, what: str) -> Figure:
    """The recorded W1 against another estimate, in standard errors of both."""
    error = hypot(recorded.stderr, estimate.stderr) + 1e-9 * max(1.0, recorded.value)
    return Figure(
        name=name, value=abs(estimate.value - recorded.value) / error, limit=SIGMAS,
        meaning=f"|W1 - {estimate.value:.8g} ({what}, +-{estimate.stderr:.2g})| in standard errors",
    )  # fmt: skip


def _replayed(pair: Pair, recorded: Cost) -> Figure:
    """W1 and its standard error from the very rays that they were averaged over: streams are functions of the recipe."""
    tiles = [
        (f"{role}.input", tile)
        for role in ("train", "test", "probe")
        for tile in range(-(-getattr(pair.recipe.sizes, role) // pair.rows))
    ]
    tiles += [("cost", tile) for tile in range(recorded.rays // pair.rows - len(tiles))]
    replayed = pooled_cost(np.stack([tile_moments(pair.cost_terms(purpose, tile)) for purpose, tile in tiles]))
    difference = max(abs(replayed.value - recorded.value), abs(replayed.stderr - recorded.stderr)) / max(
        recorded.value, 1e-12
    )
    return Figure(
        name="w1_replayed",
        value=difference if replayed.rays == recorded.rays else 1.0,
        limit=1e-9,
        meaning=f"relative difference of W1 and its standard error from {replayed.value:.12g}, of the same {replayed.rays} rays",
    )


def _stderr(recorded: Cost, estimate: Cost) -> Figure:
    """The recorded standard error against that of as many rays with the spread of the rays at hand."""
    expected = estimate.stderr * sqrt(estimate.rays / recorded.rays)
    return Figure(
        name="w1_stderr",
        value=abs(recorded.stderr - expected) / max(expected, 1e-9 * max(1.0, recorded.value)),
        limit=0.5,
        meaning=f"relative difference of W1's standard error from {expected:.3g}",
    )


def _unpaired(train: Mapping[str, RowArray], potential: Callable[[F64], F64], dim: int) -> Figure:
    """How many rows of train.h5 lie on one ray: all of paired draws, hardly any of independent ones (in one dimension many)."""

    def slope(x: F64, y: F64) -> F64:
        return (potential(y) - potential(x)) / np.maximum(distances(x, y), 1e-300)

    steep = blockwise(slope, train["input"], train["target"]) > 1 - 1e-6
    return Figure(
        name="train_unpaired",
        value=float(steep.mean()),
        limit=0.1 if dim > 1 else 1.0,
        meaning="share of rows of train.h5 whose input and target lie on one ray",
    )


def _beta_law(ray_map: RayMap, test: Mapping[str, RowArray]) -> Figure:
    """Kolmogorov-Smirnov: t = s/S of the stored partners against Beta(D, 1), whose distribution function is t^D."""

    def fraction(y: F64) -> F64:
        rays = ray_map.trace(y)
        return rays.distance / rays.length

    cdf = np.sort(blockwise(fraction, test["transported"])) ** ray_map.potential.dim
    n = len(cdf)
    gap = max((np.arange(1, n + 1) / n - cdf).max(), (cdf - np.arange(n) / n).max())
    return Figure(
        name="beta_law", value=float(gap * sqrt(n)), limit=_KOLMOGOROV,
        meaning="sqrt(n) times the Kolmogorov-Smirnov distance of s/S from Beta(D, 1)",
    )  # fmt: skip


def _quadrature(value: float, recorded: Cost) -> Figure:
    """W1 by an integral over the angles of all rays, in two dimensions.

    The limit is that of a midpoint rule, by which certificates of earlier versions were computed.
    """
    scale = max(recorded.value, 1e-12)
    return Figure(
        name="w1_quadrature", value=abs(value - recorded.value) / scale, limit=1e-3 + SIGMAS * recorded.stderr / scale,
        meaning=f"relative difference of W1 from {value:.12g}, by an integral over the angles of all rays",
    )  # fmt: skip


def _drawable(recipe: Recipe, truth: Truth) -> Pair | None:
    """The pair with its stored truth, where its targets can be drawn without outside files; of pictures, where W1 is exact, too."""
    source = recipe.source
    if isinstance(source, UniformSource | BallSource | None):
        return pair_of(recipe, make_source(recipe), truth)
    carried = isinstance(source, ImageSource) and source.sha256 is None and source.generator is None
    if not (carried and recipe.attenuation):
        return None
    pair = pair_of(recipe, make_source(recipe), truth)
    return None if pair.exact_w1() is None else pair


def _cost(terms: F64) -> Cost:
    return Cost(float(terms.mean()), float(terms.std() / sqrt(len(terms))), len(terms))
