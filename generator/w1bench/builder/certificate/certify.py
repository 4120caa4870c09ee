"""The certificate of a pair: figures with limits, computed from its files alone.

The potential is evaluated afresh from the centres, the map is run again from the stored partners, the cost is estimated anew.
"""

from __future__ import annotations

from collections.abc import Mapping

from w1bench.archive.manifest import Figure
from w1bench.arrays import RowArray
from w1bench.builder.certificate.costs import costs
from w1bench.builder.certificate.pointwise import containment, lipschitz, pointwise
from w1bench.builder.certificate.rows import Files, domain_of, flat_rows
from w1bench.errors import FunnelError
from w1bench.recipes.recipe import PublicRecipe, Recipe
from w1bench.transport.cost import Cost
from w1bench.transport.funnel import min_funnel
from w1bench.transport.rays import RayMap

_ASSIGNMENT_POINTS = 256


def certify(recipe: Recipe, w1: Cost, files: Files) -> tuple[Figure, ...]:
    """The certificate of the pair of `recipe` and of its recorded W1, from its data sets (role -> name -> rows)."""
    stored = min_funnel(flat_rows(files["funnel"]["center"][:]), files["funnel"]["offset"][:])
    if stored.dominated:
        raise FunnelError(f"funnel.h5 of {recipe.name} holds {stored.dominated} dominated funnels; build it again.")
    ray_map = RayMap(stored, domain_of(recipe), recipe.power)
    return (
        *pointwise(ray_map, recipe.half_width, files["test"]),
        *certify_published(recipe, files),
        lipschitz(stored, recipe.half_width, files["test"]),
        *costs(recipe, w1, ray_map, files),
        _weak_duality(files["test"]),
    )


def certify_published(recipe: Recipe | PublicRecipe, files: Files) -> tuple[Figure, ...]:
    """The part of a certificate that needs no truth: all that the files of a sealed pair prove until it is revealed."""
    return (containment(domain_of(recipe), recipe.half_width, files),)


def _weak_duality(test: Mapping[str, RowArray]) -> Figure:
    """Exact discrete optimal transport between n inputs and n independent targets is never below their dual value."""
    from scipy.optimize import linear_sum_assignment  # here: a second, which a build needs at its end
    from scipy.spatial.distance import cdist

    n = _ASSIGNMENT_POINTS
    distance = cdist(flat_rows(test["input"][:n]), flat_rows(test["target"][:n]))
    primal = distance[linear_sum_assignment(distance)].mean()
    dual = test["input_potential"][:n].mean() - test["target_potential"][:n].mean()
    return Figure(
        name="weak_duality", value=float(dual - primal), limit=1e-6 * max(1.0, float(primal)),
        meaning=f"dual value less the exact transport cost {primal:.6g} of {len(distance)} inputs and targets",
    )  # fmt: skip
