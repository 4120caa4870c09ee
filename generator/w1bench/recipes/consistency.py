"""What the tables of a recipe ask of one another: the checks that no table can make alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from w1bench.recipes.funnels import DrawnFunnels
from w1bench.recipes.sources import BallSource, UniformSource

if TYPE_CHECKING:
    from w1bench.recipes.recipe import PublicRecipe, Recipe

POTENTIALS = ("funnel", "attenuation", "smooth", "shift")


def check_family(recipe: Recipe) -> None:
    """Raise a ValueError unless the recipe has one potential, what it needs, and nothing that it does not use."""
    given = [name for name in POTENTIALS if getattr(recipe, name) is not None]
    if len(given) != 1:
        raise ValueError(
            f"the potential came as {' and '.join(given) or 'none'}; give one table of {', '.join(POTENTIALS)}"
        )
    needed = {"smooth": (), "funnel": ("source", "half_width", "power")}.get(given[0], ("source", "half_width"))
    if recipe.product:
        needed = ("source", "half_width")
    for name in ("source", "half_width", "power"):
        if (getattr(recipe, name) is None) == (name in needed):
            owner = "product" if recipe.product else given[0]
            raise ValueError(
                f"{name} is {'missing; a recipe' if name in needed else 'not used by a recipe'} with a table {owner}"
                + ("" if name not in needed else " needs it")
            )
    if isinstance(recipe.source, BallSource) and recipe.half_width != recipe.source.radius:
        raise ValueError(
            f"half_width came as {recipe.half_width} with a ball of radius {recipe.source.radius}; a ball pair needs both equal"
        )
    vectors = isinstance(recipe.source, UniformSource | BallSource)
    if recipe.product and not (
        vectors and isinstance(recipe.funnel, DrawnFunnels) and recipe.funnel.centers != "origin"
    ):
        raise ValueError(
            "product makes copies of drawn funnels; give it a source of vectors (uniform or ball) and a table funnel with count"
        )
    if recipe.spike:
        if not (recipe.smooth or (recipe.funnel and vectors)):
            raise ValueError(
                "spike goes around a pair of vectors; give it a table smooth, or a table funnel with a source of vectors (uniform or ball)"
            )
        if (core := core_dim(recipe)) >= recipe.spike.dim:
            raise ValueError(f"spike.dim came as {recipe.spike.dim}, and the pair inside has {core}; give more")


def core_dim(recipe: PublicRecipe) -> int:
    """The dimension of a pair of vectors before a spike."""
    if recipe.smooth:
        return recipe.smooth.dim
    assert isinstance(recipe.source, UniformSource | BallSource)
    return recipe.source.dim * (recipe.product.blocks if recipe.product else 1)


def check_funnels(recipe: Recipe) -> None:
    """Raise a ValueError unless the funnels fit the source and its domain."""
    funnel, source, half_width = recipe.funnel, recipe.source, recipe.half_width
    assert half_width is not None
    if isinstance(funnel, DrawnFunnels):
        if (funnel.center_half_width or 0) > half_width:
            raise ValueError(
                f"funnel.center_half_width came as {funnel.center_half_width}, outside the cube of half width "
                f"{half_width}; centres must lie inside the cube"
            )
        if funnel.centers == "origin" and funnel.count != 1:
            raise ValueError(f'funnel.count came as {funnel.count}; centers = "origin" needs count = 1')
        if isinstance(source, BallSource) and funnel.centers == "uniform":
            raise ValueError('a ball needs funnel.centers = "origin" or "source", so that centres lie in it')
