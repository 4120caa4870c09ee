"""The shape of the points of a pair, as far as its recipe says it: what its files will hold, before anything is drawn."""

from __future__ import annotations

import re
from math import prod

from w1bench.errors import RecipeError
from w1bench.recipes.consistency import core_dim
from w1bench.recipes.families import Attenuation
from w1bench.recipes.funnels import DrawnFunnels
from w1bench.recipes.recipe import Recipe
from w1bench.recipes.sources import BallSource, GeneratorSource, ImageSource, UniformSource


def shape_of(recipe: Recipe) -> tuple[int, ...] | None:
    """Of a point: (D,) or (channels, height, width); None where only a generator's program knows."""
    if recipe.spike:
        return (recipe.spike.dim,)
    match recipe.source:
        case None | UniformSource() | BallSource():
            return (core_dim(recipe),)
        case ImageSource(dataset="digits"):
            return (1, 8, 8)
        case ImageSource(dataset=dataset, size=size):
            side = size or (64 if dataset == "celeba" else 32)
            return (3, side, side)
        case GeneratorSource(architecture=architecture):
            known = re.match(r"wgan-qc-resnet-(\d+)", architecture)
            return (3, int(known[1]), int(known[1])) if known else None


def check_kept(table: Attenuation, shape: tuple[int, ...]) -> None:
    """Raise a RecipeError unless points of `shape` have what an attenuation keeps of them, and more than that."""
    if table.keep == "random" and (table.rank or 0) >= prod(shape):
        raise RecipeError(
            f"attenuation.rank came as {table.rank} for points of {prod(shape)} dimensions; give less, so that something is attenuated."
        )
    if table.keep in ("none", "random"):
        return
    if len(shape) != 3:
        raise RecipeError(f'attenuation.keep came as "{table.keep}" for points of shape {shape}; it needs pictures.')
    channels, height, width = shape
    if table.keep == "lowpass" and (table.size or 0) >= min(height, width):
        raise RecipeError(
            f"attenuation.size came as {table.size} for pictures of {height} x {width}; give less, so that something is attenuated."
        )
    if table.keep == "grey" and channels == 1:
        raise RecipeError(
            'attenuation.keep came as "grey" for pictures of one channel, which are grey; it needs colours.'
        )


def most_funnels(recipe: Recipe) -> int | None:
    """How many funnels are drawn, of which dominated ones are dropped; None of a published file, and of other families."""
    if not isinstance(recipe.funnel, DrawnFunnels):
        return None
    return recipe.funnel.count * (recipe.product.blocks if recipe.product else 1)
