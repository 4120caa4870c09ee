"""The laws that estimators are held against: pairs with W1 in closed form, in any dimension, of which samples are drawn afresh."""

from typing import Any

from w1bench.recipes.recipe import Recipe, parse_recipe
from w1bench.transport.from_recipe import make_pair
from w1bench.transport.pair import Pair

DIMS = (2, 16, 128)


def make_laws(dims: tuple[int, ...], *, seed: int = 0) -> list[Pair]:
    """Two pairs in each dimension: a uniform cube that is shifted, and points outside an ellipsoid that are drawn to it (see families.md).

    Raises:
        RecipeError: there is no such pair in a dimension.
    """
    return [make_pair(recipe) for dim in dims for recipe in (_shift(dim, seed), _smooth(dim, seed))]


def _shift(dim: int, seed: int) -> Recipe:
    tables: dict[str, Any] = {"source": {"kind": "uniform", "dim": dim}, "half_width": 2.5, "shift": {"distance": 1.0}}
    return parse_recipe({"name": f"shift-d{dim}", "seed": seed} | tables, origin="an estimator's check")


def _smooth(dim: int, seed: int) -> Recipe:
    table = {"dim": dim, "axes": [0.5, 3.0], "reach": 3.0, "fraction": 0.35, "rotated": True}
    return parse_recipe({"name": f"smooth-d{dim}", "seed": seed, "smooth": table}, origin="an estimator's check")
