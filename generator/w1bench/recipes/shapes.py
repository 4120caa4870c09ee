"""The shape of the points of a pair, as far as its recipe says it: what its files will hold, before anything is drawn."""

from __future__ import annotations

import re

from w1bench.recipes.consistency import core_dim
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


def most_funnels(recipe: Recipe) -> int | None:
    """How many funnels are drawn, of which dominated ones are dropped; None of a published file, and of other families."""
    if not isinstance(recipe.funnel, DrawnFunnels):
        return None
    return recipe.funnel.count * (recipe.product.blocks if recipe.product else 1)
