"""Pair = source x funnel x map: draws of Q and of P with their truth, tile by tile."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from w1bench.arrays import F64, Array
from w1bench.errors import FunnelError
from w1bench.recipes.recipe import Recipe
from w1bench.rng import stream, tile_rows
from w1bench.sources.source import Source
from w1bench.transport.funnel import MinFunnel
from w1bench.transport.rays import RayMap, Rays


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
        """Draws of Q, flat: (rows, D)."""
        return self.source.draw(stream(self.recipe.key, purpose, tile), self.rows).reshape(self.rows, self.dim)

    def cost_terms(self, purpose: str, tile: int) -> F64:
        """One unbiased estimate of W1 per ray, (rows,): see `cost_of`."""
        return self.cost_of(self.rays(purpose, tile))

    def rays(self, purpose: str, tile: int) -> Rays:
        """The rays of draws of Q."""
        return self.map.trace(self.targets(purpose, tile))

    def cost_of(self, rays: Rays) -> F64:
        """Unbiased estimates of W1 from the rays of targets, (n,).

        In general the displacement s - s'. Where t = s/S has the Beta(D, 1) law on every ray,
        E[t - t^p] = D (p - 1) / ((D + 1)(D + p)), and S times that has far less variance.
        """
        if not self.source.uniform:
            return rays.distance - self.map.shorten(rays)
        d, p = self.dim, self.recipe.power
        return rays.length * (d * (p - 1) / ((d + 1) * (d + p)))


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
