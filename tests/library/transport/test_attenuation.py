"""What is kept of pictures, and subspaces that do not fit the points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from support.recipes import family_recipe
from w1bench.errors import RecipeError, SourceError
from w1bench.transport.families.attenuation import AttenuationMap, DistanceFromSubspace, Means
from w1bench.transport.from_recipe import make_pair

DIGITS: dict[str, Any] = {"kind": "images", "dataset": "digits", "noise": 0.01}
VECTORS: dict[str, Any] = {"kind": "uniform", "dim": 3}


@pytest.mark.parametrize(
    ("source", "table", "sentence"),
    [
        (DIGITS, {"keep": "lowpass", "size": 8}, "attenuation.size came as 8 for pictures of 8 x 8; give less"),
        (DIGITS, {"keep": "grey"}, 'came as "grey" for pictures of one channel, which are grey; it needs colours'),
        (VECTORS, {"keep": "lowpass", "size": 2}, r'came as "lowpass" for points of shape \(3,\); it needs pictures'),
        (VECTORS, {"keep": "mean"}, r'came as "mean" for points of shape \(3,\); it needs pictures'),
        (VECTORS, {"keep": "random", "rank": 3}, "attenuation.rank came as 3 for points of 3 dimensions; give less"),
        (VECTORS, {"keep": "random", "rank": 9}, "attenuation.rank came as 9 for points of 3 dimensions; give less"),
    ],
)
def test_subspaces_that_do_not_fit_are_refused(source: dict[str, Any], table: dict[str, Any], sentence: str) -> None:
    recipe = family_recipe("misfit", source=source, half_width=1.2, attenuation={"factor": 0.3} | table)
    with pytest.raises(RecipeError, match=sentence):
        make_pair(recipe)


def test_a_target_in_the_subspace_has_no_ray() -> None:
    grey = AttenuationMap(DistanceFromSubspace(Means((3, 2, 2), (1,))), 0.3, 1.0)
    targets = np.random.default_rng(0).random((4, 12))
    targets[2] = 0.5
    with pytest.raises(SourceError, match="Target 2 lies in the subspace that is kept, where no ray passes"):
        grey.move(targets)
