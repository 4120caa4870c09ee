"""The pair that a recipe determines: its truth drawn from the seed, and its map and source made of that truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from w1bench.arrays import F64, Array
from w1bench.errors import FunnelError
from w1bench.recipes.consistency import core_dim
from w1bench.recipes.funnels import DrawnFunnels, PublishedFunnels
from w1bench.recipes.recipe import Recipe
from w1bench.recipes.shapes import check_kept
from w1bench.recipes.sources import BallSource, UniformSource
from w1bench.rng import stream
from w1bench.sources.domains import Ball, Cube
from w1bench.sources.from_recipe import make_source
from w1bench.sources.pictures import for_training
from w1bench.sources.source import Source
from w1bench.sources.uniform import Blocks
from w1bench.transport.families.attenuation import make_attenuation
from w1bench.transport.families.funnel.balance import balanced_offsets
from w1bench.transport.families.funnel.min_funnel import MinFunnel, min_funnel
from w1bench.transport.families.funnel.published_file import read_published
from w1bench.transport.families.funnel.rays import RayMap
from w1bench.transport.families.product import ProductMap, SumOfFunnels
from w1bench.transport.families.shift import Plane, ShiftMap
from w1bench.transport.families.smooth import DistanceFromEllipsoid, EllipsoidMap, EllipsoidSource, half_axes
from w1bench.transport.families.spike import SpikedMap, SpikedSource
from w1bench.transport.pair import Pair, Truth
from w1bench.transport.potential import TransportMap


def make_pair(recipe: Recipe, *, device: str = "cpu") -> Pair:
    """The pair that a recipe determines; an image generator runs on `device`.

    Raises:
        RecipeError, FunnelError, SourceError: the recipe's funnels or pictures do not fit; the sentence says why.
    """
    base = make_source(recipe, device=device)
    with threadpool_limits(1):  # as the engines' workers, so that centres drawn from a source round the same
        funnels = _draw_funnels(recipe, for_training(base)) if base else []
        pair = pair_of(recipe, base, draw_truth(recipe, base, funnels))
        return replace(pair, dominated=sum(funnel.dominated for funnel in funnels)) if funnels else pair


def pair_of(recipe: Recipe, base: Source | None, truth: Truth) -> Pair:
    """The pair of a recipe, its own source (None where the family draws targets itself) and its truth; raises FunnelError where they do not fit."""
    ray_map = make_map(recipe, base.shape if base else (), truth)
    return Pair(recipe, _source(recipe, base, truth), ray_map, truth)


def draw_truth(recipe: Recipe, base: Source | None, funnels: list[MinFunnel]) -> Truth:
    """The arrays that determine the potential: those of its funnels, and frames drawn from the recipe's seed."""
    truth: Truth = {}
    if funnels:
        truth |= {
            "center": np.concatenate([f.center for f in funnels]),
            "offset": np.concatenate([f.offset for f in funnels]),
        }
        if recipe.product:
            truth["block"] = np.repeat(np.arange(len(funnels)), [f.count for f in funnels])
    if recipe.attenuation and recipe.attenuation.rank:
        assert base is not None
        check_kept(recipe.attenuation, base.shape)
        truth["basis"] = _frame(recipe, "basis", recipe.attenuation.rank, prod(base.shape))
    if recipe.smooth and recipe.smooth.rotated:
        truth["rotation"] = _frame(recipe, "rotation", recipe.smooth.dim, recipe.smooth.dim)
    if recipe.shift:
        assert base is not None
        truth["direction"] = _frame(recipe, "direction", 1, prod(base.shape))
    if recipe.spike:
        truth["frame"] = _frame(recipe, "frame", core_dim(recipe), recipe.spike.dim)
    return truth


def make_map(recipe: Recipe, shape: tuple[int, ...], truth: Mapping[str, Array]) -> TransportMap:
    """The map of a recipe whose source draws points of `shape` (of a product: of a block), from its truth, flat or as stored.

    Raises:
        RecipeError, FunnelError: they do not fit.
    """
    arrays: dict[str, F64] = {
        name: np.ascontiguousarray(values[:], np.float64).reshape(len(values), -1) for name, values in truth.items()
    }
    half_width = recipe.half_width or 0.0
    if recipe.smooth:
        ellipsoid = DistanceFromEllipsoid(half_axes(recipe.smooth), arrays.get("rotation"))
        core: TransportMap = EllipsoidMap(ellipsoid, recipe.smooth.reach, recipe.smooth.fraction)
    elif recipe.attenuation:
        core = make_attenuation(recipe.attenuation, shape, half_width, arrays.get("basis"))
    elif recipe.shift:
        core = ShiftMap(Plane(arrays["direction"][0]), recipe.shift.distance, half_width)
    elif recipe.product:
        block = arrays["block"][:, 0]
        parts = [block == i for i in range(recipe.product.blocks)]
        funnels = [_fitted(recipe, shape, arrays["center"][part], arrays["offset"][part, 0]) for part in parts]
        core = ProductMap(SumOfFunnels(tuple(funnels)), recipe.product.fraction, half_width)
    else:
        assert recipe.power is not None
        funnel = _fitted(recipe, shape, arrays["center"], arrays["offset"][:, 0])
        core = RayMap(funnel, _domain(recipe), recipe.power, isinstance(recipe.source, UniformSource | BallSource))
    return SpikedMap(core, arrays["frame"], recipe.spike.nuisance_std) if recipe.spike else core


def core_shape(recipe: Recipe, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the points that the recipe's own source draws, from that of the pair's."""
    return (recipe.source.dim,) if isinstance(recipe.source, UniformSource | BallSource) else shape


def make_funnel(recipe: Recipe, source: Source, block: int = 0) -> MinFunnel:
    """The MinFunnel of a recipe, or of a block of its product: drawn from its seed, or read from its published file."""
    assert recipe.funnel is not None
    if isinstance(recipe.funnel, PublishedFunnels):
        return read_published(Path(recipe.funnel.file), recipe.funnel.sha256)
    drawn, rng = recipe.funnel, stream(recipe.key, "funnel", block)
    shape, half_width = (drawn.count, prod(source.shape)), _half_width(recipe)
    if drawn.stream == "torch":
        return _torch_funnel(recipe.seed, shape, half_width, drawn.offset_std)
    match drawn.centers:
        case "uniform":
            center = (2 * rng.random(shape) - 1) * half_width
        case "source":
            draws = source.draw(rng, drawn.count * (drawn.blend or 1)).reshape(drawn.count, drawn.blend or 1, -1)
            center = draws[:, 0] if drawn.blend is None else draws.mean(axis=1, dtype=np.float64)
        case "origin":
            center = np.zeros(shape)
    if drawn.balanced:
        return min_funnel(center, balanced_offsets(np.asarray(center, np.float64), source, recipe.key))
    return min_funnel(center, rng.standard_normal(drawn.count) * drawn.offset_std)


def _draw_funnels(recipe: Recipe, base: Source) -> list[MinFunnel]:
    """The MinFunnels of a recipe, one a block; none of a family without funnels."""
    if recipe.funnel is None:
        return []
    return [make_funnel(recipe, base, block) for block in range(recipe.product.blocks if recipe.product else 1)]


def _half_width(recipe: Recipe) -> float:
    """Of uniform centres."""
    assert isinstance(recipe.funnel, DrawnFunnels)
    assert recipe.half_width is not None
    return recipe.funnel.center_half_width or recipe.half_width


def _fitted(recipe: Recipe, shape: tuple[int, ...], center: F64, offset: F64) -> MinFunnel:
    """A MinFunnel whose centres have the source's dimension and lie in its domain."""
    funnel = min_funnel(center, offset)
    if funnel.dominated:
        raise FunnelError(
            f"{recipe.name} came with {funnel.dominated} dominated funnels; build it again, which drops them."
        )
    if funnel.dim != prod(shape):
        raise FunnelError(
            f"The funnels have dimension {funnel.dim}, but the source draws points of shape {shape}; "
            f"give centres of dimension {prod(shape)}."
        )
    if (excess := _domain(recipe).excess(funnel.center)) > 0:
        raise FunnelError(
            f"A funnel centre lies {excess:.6g} outside {_domain(recipe)}; centres must lie inside it: "
            "correct the centres or give a larger half_width."
        )
    return funnel


def _domain(recipe: Recipe) -> Cube | Ball:
    """The set that the points of a recipe's own source lie in."""
    assert recipe.half_width is not None
    return Ball(recipe.half_width) if isinstance(recipe.source, BallSource) else Cube(recipe.half_width)


def _source(recipe: Recipe, base: Source | None, truth: Truth) -> Source:
    """The distribution Q: the recipe's own source, the family's, or what a product or a spike makes of it."""
    if recipe.smooth:
        base = EllipsoidSource(
            DistanceFromEllipsoid(half_axes(recipe.smooth), truth.get("rotation")), recipe.smooth.reach
        )
    assert base is not None
    if recipe.product:
        base = Blocks(base, recipe.product.blocks)
    return SpikedSource(base, truth["frame"], recipe.spike.nuisance_std) if recipe.spike else base


def _frame(recipe: Recipe, purpose: str, rows: int, dim: int) -> F64:
    """Orthonormal rows (rows, dim), uniformly distributed: from the QR decomposition of a normal matrix with positive diagonal
    (Mezzadri, "How to generate random matrices from the classical compact groups", 2007)."""
    normal = stream(recipe.key, purpose, 0).standard_normal((dim, rows))
    basis, upper = np.linalg.qr(normal)
    return np.ascontiguousarray((basis * np.sign(np.diag(upper))).T)


def _torch_funnel(seed: int, shape: tuple[int, int], half_width: float, offset_std: float) -> MinFunnel:
    """Funnels as those of the published image pairs: torch's CPU stream, seeded again before the offsets, in float32."""
    import torch

    rng = torch.Generator().manual_seed(seed)
    center = (torch.rand(shape, generator=rng) - 0.5) * 2 * half_width
    offset = torch.randn(shape[0], generator=rng.manual_seed(seed)) * offset_std
    return min_funnel(center.numpy(), offset.numpy())
