"""Recipes of families that determine no pair get a sentence, those of funnels alone keep their form, and what is known to all is not sealed."""

from __future__ import annotations

from typing import Any

import pytest

from support.recipes import FAMILIES, family_recipe, small_recipe
from w1bench.errors import RecipeError
from w1bench.recipes.recipe import parse_public_recipe

VECTORS: dict[str, Any] = {"source": {"kind": "uniform", "dim": 3}, "half_width": 2.0}
DIGITS: dict[str, Any] = {"source": {"kind": "images", "dataset": "digits", "noise": 0.01}, "half_width": 1.2}
FUNNELS = VECTORS | {"funnel": {"count": 4}, "power": 8.0}
BLOCKS = VECTORS | {"funnel": {"count": 4}, "product": {"blocks": 4, "fraction": 0.1}}
ELLIPSOID: dict[str, Any] = {"dim": 5, "axes": [0.5, 3.0], "reach": 3.0, "fraction": 0.35}
SHIFT = VECTORS | {"shift": {"distance": 1.0}}
SPIKE: dict[str, Any] = {"dim": 40, "nuisance_std": 1.0}
PUBLISHED = {"file": "funnels.pt", "sha256": "0" * 64}


def faded(**table: object) -> dict[str, Any]:
    return DIGITS | {"attenuation": {"factor": 0.3} | table}


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        (VECTORS, "the potential came as none; give one table of funnel, attenuation, smooth, shift"),
        (FUNNELS | {"smooth": ELLIPSOID}, "the potential came as funnel and smooth; give one table of"),
        (SHIFT | faded(keep="none"), "the potential came as attenuation and shift; give one table of"),
        (VECTORS | {"product": BLOCKS["product"]}, "the potential came as none"),
        (VECTORS | {"late": {"share": 0.5}}, "the potential came as none"),
        (VECTORS | {"funnel": {"count": 4}}, "power is missing; a recipe with a table funnel needs it"),
        (BLOCKS | {"power": 8.0}, "power is not used by a recipe with a table product"),
        (SHIFT | {"power": 8.0}, "power is not used by a recipe with a table shift"),
        ({"shift": {"distance": 1.0}, "half_width": 2.0}, "source is missing; a recipe with a table shift needs it"),
        (DIGITS | {"half_width": None} | faded(keep="mean") | {"half_width": None}, "half_width is missing"),
        ({"smooth": ELLIPSOID, "half_width": 2.0}, "half_width is not used by a recipe with a table smooth"),
        ({"smooth": ELLIPSOID, "source": VECTORS["source"]}, "source is not used by a recipe with a table smooth"),
        (SHIFT | {"source": {"kind": "ball", "dim": 3, "radius": 3.0}}, "half_width came as 2.0 with a ball of radius 3.0"),
        (BLOCKS | {"funnel": PUBLISHED}, "product makes copies of drawn funnels; give it a source of vectors"),
        (BLOCKS | {"funnel": {"count": 1, "centers": "origin"}}, "product makes copies of drawn funnels"),
        (DIGITS | {"funnel": {"count": 4}, "product": BLOCKS["product"]}, "product makes copies of drawn funnels"),
        (SHIFT | {"product": BLOCKS["product"]}, "product makes copies of drawn funnels"),
        (BLOCKS | {"product": {"blocks": 1, "fraction": 0.1}}, "product.blocks came as 1; .*at least 2"),
        (BLOCKS | {"product": {"blocks": 2, "fraction": 1.0}}, "product.fraction came as 1.0; .*less than 1"),
        (FUNNELS | {"spike": SPIKE | {"dim": 3}}, "spike.dim came as 3, and the pair inside has 3; give more"),
        (BLOCKS | {"spike": SPIKE | {"dim": 12}}, "spike.dim came as 12, and the pair inside has 12; give more"),
        ({"smooth": ELLIPSOID, "spike": SPIKE | {"dim": 4}}, "spike.dim came as 4, and the pair inside has 5; give more"),
        (SHIFT | {"spike": SPIKE}, "spike goes around a pair of vectors; give it a table smooth, or a table funnel with"),
        (DIGITS | {"funnel": {"count": 4}, "power": 8.0, "spike": SPIKE}, "spike goes around a pair of vectors"),
        (FUNNELS | {"spike": SPIKE | {"nuisance_std": 0.0}}, "spike.nuisance_std came as 0.0"),
        (FUNNELS | {"late": {"share": 1.0}}, "late.share came as 1.0; .*less than 1"),
        (FUNNELS | {"late": {"share": 0.0}}, "late.share came as 0.0; .*more than 0"),
        (faded(keep="lowpass"), 'size is missing; keep = "lowpass" needs it'),
        (faded(keep="random"), 'rank is missing; keep = "random" needs it'),
        (faded(keep="mean", size=3), 'size came as 3 with keep = "mean"; it goes with keep = "lowpass"'),
        (faded(keep="none", rank=3), 'rank came as 3 with keep = "none"; it goes with keep = "random"'),
        (faded(keep="blur"), "attenuation.keep came as 'blur'; .*'lowpass', 'mean', 'grey', 'none' or 'random'"),
        (faded(keep="none", factor=0.0), "attenuation.factor came as 0.0; .*more than 0"),
        ({"smooth": ELLIPSOID | {"dim": 1}}, "smooth.dim came as 1; .*at least 2"),
        ({"smooth": ELLIPSOID | {"fraction": 0.0}}, "smooth.fraction came as 0.0; .*more than 0"),
        ({"smooth": ELLIPSOID | {"axes": [0.0, 1.0]}}, "smooth.axes.0 came as 0.0"),
        ({"smooth": ELLIPSOID | {"axes": [1.0]}}, "smooth.axes.1 .*it is needed"),
        ({"smooth": ELLIPSOID | {"axes": [1.0, 2.0, 3.0]}}, "smooth.axes"),
    ],
)  # fmt: skip
def test_tables_that_determine_no_pair_get_a_sentence(tables: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence):
        family_recipe("misfit", **{name: table for name, table in tables.items() if table is not None})


def test_tables_that_are_absent_leave_no_trace_in_the_canonical_json() -> None:
    assert set(small_recipe().published()) == {
        "name", "version", "seed", "power", "half_width", "source", "funnel", "sizes",
    }  # fmt: skip


def test_a_family_is_named_by_the_last_operation_and_so_is_what_is_published_of_it() -> None:
    families = {recipe.name: recipe.family for recipe in FAMILIES}
    assert {families[name] for name in families if name.startswith("late")} == {"late"}
    assert (families["spiked-product"], families["product"], families["smooth-rotated"]) == (
        "spiked",
        "product",
        "smooth",
    )
    for recipe in FAMILIES:
        assert parse_public_recipe(recipe.published(sealed=True), origin="a test").family == recipe.family


@pytest.mark.parametrize("tables", [SHIFT, faded(keep="lowpass", size=3), {"smooth": ELLIPSOID}])
def test_a_potential_that_is_known_to_all_is_not_sealed(tables: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match="is known to all who know its family; seal a recipe with drawn funnels"):
        family_recipe("open", **tables).with_secret()


@pytest.mark.parametrize(
    "tables",
    [
        BLOCKS,
        faded(keep="random", rank=3),
        {"smooth": ELLIPSOID | {"rotated": True}},
        {"smooth": ELLIPSOID, "spike": SPIKE},
    ],
)
def test_what_is_drawn_from_the_secret_can_be_sealed(tables: dict[str, Any]) -> None:
    assert family_recipe("hidden", **tables).with_secret().secret
