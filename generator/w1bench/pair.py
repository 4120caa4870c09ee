"""Pair = source x funnel x map: draws of Q and of P with their truth, tile by tile."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from w1bench import recipe as recipes
from w1bench.errors import FunnelError, RecipeError
from w1bench.funnel import MinFunnel, min_funnel
from w1bench.images.datasets import Pictures, real_pictures
from w1bench.rays import RayMap, Rays
from w1bench.recipe import Recipe
from w1bench.sample import F64, Array, Sample
from w1bench.sources import NoisyPictures, Source, UniformBall, UniformCube
from w1bench.streams import stream, tile_rows


@dataclass(frozen=True)
class Pair:
    """A pair of distributions with known truth. `purpose` names an independent stream, `tile` a block of `rows` draws in it."""

    recipe: Recipe
    source: Source
    map: RayMap

    @property
    def dim(self) -> int:
        return prod(self.source.shape)

    @property
    def rows(self) -> int:
        """Rows of a tile."""
        return tile_rows(self.dim)

    def targets(self, purpose: str, tile: int) -> Array:
        """Draws of Q: (rows, *shape)."""
        return self.source.draw(stream(self.recipe.key, purpose, tile), self.rows)

    def sample(self, purpose: str, tile: int) -> Sample:
        """Paired draws of P and Q with their truth; points are flat, (rows, D)."""
        return self.map.move(self._flat_targets(purpose, tile), self.source.dtype)

    def cost_terms(self, purpose: str, tile: int) -> F64:
        """One unbiased estimate of W1 per ray, (rows,): see `cost_of`."""
        return self.cost_of(self.rays(purpose, tile))

    def rays(self, purpose: str, tile: int) -> Rays:
        """The rays of draws of Q."""
        return self.map.trace(self._flat_targets(purpose, tile))

    def cost_of(self, rays: Rays) -> F64:
        """Unbiased estimates of W1 from the rays of targets, (n,).

        In general the displacement s - s'. Where t = s/S has the Beta(D, 1) law on every ray,
        E[t - t^p] = D (p - 1) / ((D + 1)(D + p)), and S times that has far less variance.
        """
        if not self.source.uniform:
            return rays.distance - self.map.shorten(rays)
        d, p = self.dim, self.recipe.power
        return rays.length * (d * (p - 1) / ((d + 1) * (d + p)))

    def _flat_targets(self, purpose: str, tile: int) -> Array:
        return self.targets(purpose, tile).reshape(self.rows, self.dim)


def make_pair(recipe: Recipe, *, device: str = "cpu") -> Pair:
    """The pair that a recipe determines; an image generator runs on `device`.

    Raises:
        RecipeError, FunnelError, SourceError: the recipe's funnels or pictures do not fit; the sentence says why.
    """
    source = make_source(recipe, device=device)
    with threadpool_limits(1):  # as the engines' workers, so that centres drawn from a source round the same
        return pair_of(recipe, source, make_funnel(recipe, source))


def pair_of(recipe: Recipe, source: Source, funnel: MinFunnel) -> Pair:
    """A pair of parts; raises FunnelError where they do not fit."""
    if funnel.dim != prod(source.shape):
        raise FunnelError(
            f"The funnels have dimension {funnel.dim}, but the source draws points of shape {source.shape}; "
            f"give centres of dimension {prod(source.shape)}."
        )
    if (excess := source.domain.excess(funnel.center)) > 0:
        raise FunnelError(
            f"A funnel centre lies {excess:.6g} outside {source.domain}; centres must lie inside it: "
            "mend the centres or give a larger half_width."
        )
    return Pair(recipe, source, RayMap(funnel, source.domain, recipe.power))


def make_source(recipe: Recipe, *, device: str = "cpu") -> Source:
    """The distribution Q of a recipe; an image generator runs on `device`."""
    match recipe.source:
        case recipes.UniformSource(dim=dim):
            return UniformCube(dim, recipe.half_width)
        case recipes.BallSource(dim=dim, radius=radius):
            return UniformBall(dim, radius)
        case recipes.ImageSource(noise=noise):
            return NoisyPictures(_pictures(recipe.source, device), noise, recipe.half_width)
        case recipes.GeneratorSource(noise=noise):
            from w1bench.images.generators import recipe_generator  # here, because only generators need torch

            return NoisyPictures(recipe_generator(recipe.source, device), noise, recipe.half_width)


def _pictures(source: recipes.ImageSource, device: str) -> Pictures:
    """Real pictures, or their twins by a generator."""
    if source.generator is None:
        return real_pictures(source)
    from w1bench.images.projection import project

    return project(real_pictures(source), source.generator, device)


def make_funnel(recipe: Recipe, source: Source) -> MinFunnel:
    """The MinFunnel of a recipe: drawn from its seed, or read from its published file."""
    if isinstance(recipe.funnel, recipes.PublishedFunnels):
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


def read_published(path: Path, sha256: str) -> MinFunnel:
    """Funnels of a `.pt` state dict with `net.centers` (N, D) and `net.bias` (N,), as published with the paper.

    Raises:
        RecipeError: the file is missing, is not the pinned one, or holds no such state dict.
    """
    import torch  # here, because only published funnels need it

    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecipeError(
            f"Funnel file {path} cannot be read ({error.strerror}); put the published .pt there."
        ) from None
    if (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise RecipeError(f"Funnel file {path} has SHA-256 {found}, but the recipe needs {sha256}.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        center, offset = state["net.centers"].numpy(), state["net.bias"].numpy()
    except Exception as error:  # noqa: BLE001 - a damaged file may make the reader raise anything
        raise RecipeError(
            f"Funnel file {path} is no state dict with the tensors net.centers (N, D) and net.bias (N,): {error!r}."
        ) from None
    return min_funnel(center, offset)
