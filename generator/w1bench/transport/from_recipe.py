"""The pair that a recipe determines."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from w1bench.recipes.funnels import PublishedFunnels
from w1bench.recipes.recipe import Recipe
from w1bench.rng import stream
from w1bench.sources.from_recipe import make_source
from w1bench.sources.source import Source
from w1bench.transport.funnel import MinFunnel, min_funnel
from w1bench.transport.pair import Pair, pair_of
from w1bench.transport.published_funnels import read_published


def make_pair(recipe: Recipe, *, device: str = "cpu") -> Pair:
    """The pair that a recipe determines; an image generator runs on `device`.

    Raises:
        RecipeError, FunnelError, SourceError: the recipe's funnels or pictures do not fit; the sentence says why.
    """
    source = make_source(recipe, device=device)
    with threadpool_limits(1):  # as the engines' workers, so that centres drawn from a source round the same
        return pair_of(recipe, source, make_funnel(recipe, source))


def make_funnel(recipe: Recipe, source: Source) -> MinFunnel:
    """The MinFunnel of a recipe: drawn from its seed, or read from its published file."""
    if isinstance(recipe.funnel, PublishedFunnels):
        return read_published(Path(recipe.funnel.file), recipe.funnel.sha256)
    drawn, rng = recipe.funnel, stream(recipe.key, "funnel", 0)
    shape = (drawn.count, prod(source.shape))
    if drawn.stream == "torch":
        return _torch_funnel(recipe.seed, shape, drawn.center_half_width or recipe.half_width, drawn.offset_std)
    match drawn.centers:
        case "uniform":
            center = (2 * rng.random(shape) - 1) * (drawn.center_half_width or recipe.half_width)
        case "source":
            center = source.draw(rng, drawn.count).reshape(shape)
        case "origin":
            center = np.zeros(shape)
    return min_funnel(center, rng.standard_normal(drawn.count) * drawn.offset_std)


def _torch_funnel(seed: int, shape: tuple[int, int], half_width: float, offset_std: float) -> MinFunnel:
    """Funnels as those of the published image pairs: torch's CPU stream, seeded again before the offsets, in float32."""
    import torch

    rng = torch.Generator().manual_seed(seed)
    center = (torch.rand(shape, generator=rng) - 0.5) * 2 * half_width
    offset = torch.randn(shape[0], generator=rng.manual_seed(seed)) * offset_std
    return min_funnel(center.numpy(), offset.numpy())
