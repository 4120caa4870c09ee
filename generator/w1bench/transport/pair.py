"""A pair of distributions with known truth: a source Q, and the map that makes P of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any

from numpy.typing import NDArray

from w1bench.arrays import F64, Array
from w1bench.recipes.recipe import Recipe
from w1bench.rng import stream, tile_rows
from w1bench.sources.pictures import for_training
from w1bench.sources.source import Source
from w1bench.transport.exact import attenuated_w1
from w1bench.transport.families.attenuation import AttenuationMap
from w1bench.transport.families.late import draw_left, leave
from w1bench.transport.families.spike import SpikedMap, SpikedSource
from w1bench.transport.plane import plane_w1
from w1bench.transport.potential import TransportMap

Truth = dict[
    str, NDArray[Any]
]  # arrays that a family's potential is made of, by their names in funnel.h5 and potential.h5


@dataclass(frozen=True)
class Pair:
    """A pair of distributions with known truth. `purpose` names an independent stream, `tile` a block of `rows` draws in it."""

    recipe: Recipe
    source: Source
    map: TransportMap
    truth: Truth
    dominated: int | None = None  # funnels that were dropped; None of families without funnels

    @property
    def dim(self) -> int:
        return prod(self.source.shape)

    @property
    def rows(self) -> int:
        """Rows of a tile."""
        return tile_rows(self.dim)

    @property
    def funnels(self) -> int | None:
        """How many funnels the potential has, all blocks together."""
        return len(self.truth["offset"]) if "offset" in self.truth else None

    @property
    def training(self) -> Pair:
        """The pair that train.h5 and fresh draws are of: this one, or where its pictures are held out that of the others, with the same map."""
        source = for_training(self.source)
        return self if source is self.source else replace(self, source=source)

    @property
    def share(self) -> float:
        """Of the inputs that are moved."""
        return self.recipe.late.share if self.recipe.late else 1.0

    def targets(self, purpose: str, tile: int) -> Array:
        """Draws of Q, flat: (rows, D)."""
        return self.source.draw(stream(self.recipe.key, purpose, tile), self.rows).reshape(self.rows, self.dim)

    def move(
        self, purpose: str, tile: int, target: Array, *, moved: Array | None = None, gradient: Array | None = None,
        potential: Array | None = None, single: bool = False,
    ) -> F64:  # fmt: skip
        """Write the inputs x of a tile's targets (rows, D), grad f*(x) and f*(x), where given; returns estimates of W1 as
        `TransportMap.move`, which raises what this does."""
        out = {"moved": moved, "gradient": gradient, "potential": potential}
        cost = self.map.move(target, **out, single=single)
        if self.share == 1.0:
            return cost
        left = draw_left(stream(self.recipe.key, f"{purpose}.late", tile), len(target), self.share)
        leave(left, target, self.map.potential, out)
        return self.share * cost

    def cost_terms(self, purpose: str, tile: int) -> F64:
        """One unbiased estimate of W1 per target, (rows,); of a spike those of its core, whose draws come first in a stream."""
        source, of_map = self.source, self.map
        if isinstance(of_map, SpikedMap) and isinstance(source, SpikedSource):
            source, of_map = source.core, of_map.core
        target = source.draw(stream(self.recipe.key, purpose, tile), self.rows).reshape(self.rows, -1)
        return self.share * of_map.move(target)

    def exact_w1(self) -> float | None:
        """W1 where it is known without rays, in closed form or by a quadrature to 1e-10."""
        of_map = self.map
        if isinstance(of_map, AttenuationMap):
            exact = attenuated_w1(of_map, self.source)
        else:
            exact = plane_w1(of_map) if isinstance(of_map, SpikedMap) else None
            exact = of_map.exact_w1() if exact is None else exact
        return None if exact is None else self.share * exact

    def plane_w1(self) -> float | None:
        """W1 of funnels in the plane by an integral over angles, to 1e-10, beside the average over rays."""
        exact = plane_w1(self.map)
        return None if exact is None else self.share * exact
