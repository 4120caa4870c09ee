"""Recipes: one canonical JSON and hash each, sizes that can be changed, and a sentence for what determines no pair."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.recipes import small_recipe
from w1bench.errors import RecipeError
from w1bench.recipes.fields import RESERVED
from w1bench.recipes.recipe import parse_recipe


def test_canonical_json_reads_back_as_the_same_recipe() -> None:
    recipe = small_recipe()
    again = parse_recipe(json.loads(recipe.canonical()), origin="canonical JSON")
    assert (again, again.sha256()) == (recipe, recipe.sha256())


@pytest.mark.parametrize(
    "changes",
    [
        {"source": {"kind": "ball", "dim": 2, "radius": 3.0}},
        {"source": {"kind": "ball", "dim": 2, "radius": 2.5}, "funnel": {"count": 4}},
    ],
)
def test_a_ball_needs_its_own_radius_and_centres(changes: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match="ball"):
        small_recipe(**changes)


def test_offsets_are_drawn_or_balanced_not_both() -> None:
    values = {"name": "b", "power": 8.0, "half_width": 2.5, "source": {"kind": "uniform", "dim": 2}}
    funnel = {"count": 4, "balanced": True}
    balanced = parse_recipe({**values, "funnel": funnel}, origin="here")
    assert parse_recipe(json.loads(balanced.canonical()), origin="here") == balanced
    with pytest.raises(RecipeError, match="offset_std came as 0.2 with balanced = true"):
        parse_recipe({**values, "funnel": {**funnel, "offset_std": 0.2}}, origin="here")


def test_sizes_can_be_given_and_bad_ones_are_refused() -> None:
    recipe = small_recipe().with_sizes(train=500, test=None)
    assert (recipe.sizes.train, recipe.sizes.test) == (500, small_recipe().sizes.test)
    with pytest.raises(RecipeError, match=r"sizes.test came as -1"):
        small_recipe().with_sizes(test=-1)


def test_a_root_needs_the_digest_of_what_lies_there() -> None:
    with pytest.raises(RecipeError, match="root came without the sha256"):
        small_recipe(source={"kind": "images", "dataset": "photos", "noise": 0.01, "root": "pictures"})


@pytest.mark.parametrize("name", RESERVED)
def test_names_of_the_index_are_no_names_of_pairs(name: str) -> None:
    with pytest.raises(RecipeError, match="file beside the pairs of an archive"):
        small_recipe(name)
