"""The certificate of a pair: figures with limits, computed from its files alone.

The potential is evaluated afresh from the centres, the map is run again from the stored partners, the cost is estimated anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isclose

from w1bench.archive.hdf5 import FAMILY_FILES
from w1bench.archive.manifest import Figure
from w1bench.arrays import RowArray
from w1bench.builder.certificate.blocks import Files, domain_of, flat_rows
from w1bench.builder.certificate.costs import costs
from w1bench.builder.certificate.pointwise import containment, lipschitz, pointwise
from w1bench.errors import CheckFailedError
from w1bench.recipes.recipe import PublicRecipe, Recipe
from w1bench.transport.cost import Cost
from w1bench.transport.from_recipe import core_shape, make_map
from w1bench.transport.pair import Truth
from w1bench.transport.potential import TransportMap

_ASSIGNMENT_POINTS = 256


def certify(recipe: Recipe, half_width: float, w1: Cost, files: Files) -> tuple[Figure, ...]:
    """The certificate of the pair of `recipe` and of its recorded W1, from its data sets (role -> name -> rows).

    Raises:
        CheckFailedError: `half_width` is not that of the set that the family's points lie in.
        FunnelError: the stored funnels are not those of a pair.
    """
    ray_map, truth = stored_map(recipe, files)
    if not isclose(half_width, ray_map.domain.half_width, rel_tol=1e-9):
        raise CheckFailedError(
            f"{recipe.name} says that its points lie in half width {half_width}; its recipe makes it {ray_map.domain.half_width}."
        )
    return (
        *pointwise(ray_map, half_width, files["test"], share=recipe.late.share if recipe.late else 1.0),
        *certify_published(recipe, half_width, files),
        lipschitz(ray_map.potential, half_width, files["test"]),
        *costs(recipe, w1, ray_map, truth, files),
        _weak_duality(files["test"]),
    )


def stored_map(recipe: Recipe, files: Files) -> tuple[TransportMap, Truth]:
    """The map of a pair and the truth that its files hold; raises a FunnelError where that is not one of a pair."""
    truth: Truth = {name: rows[:] for file in FAMILY_FILES for name, rows in files.get(file, {}).items()}
    return make_map(recipe, core_shape(recipe, files["test"]["input"].shape[1:]), truth), truth


def certify_published(recipe: PublicRecipe, half_width: float, files: Files) -> tuple[Figure, ...]:
    """The part of a certificate that needs no truth: all that the files of a sealed pair prove until it is revealed."""
    return (containment(domain_of(recipe, half_width), half_width, files),)


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
