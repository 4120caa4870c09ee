"""Pairs from recipes: funnels drawn, at the origin, from the source, or published; and those that do not fit."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from support.recipes import published_funnel, small_recipe
from w1bench.errors import FunnelError, RecipeError
from w1bench.transport.from_recipe import make_pair


def test_published_funnels_are_taken_as_they_are(tmp_path: Path) -> None:
    table = published_funnel(tmp_path / "f.pt", [[0.25, 0.5], [-1.0, 1.0]], [0.0, 0.125])
    funnel = make_pair(small_recipe(funnel=table)).map.potential
    np.testing.assert_array_equal(funnel.center, [[0.25, 0.5], [-1.0, 1.0]])
    np.testing.assert_array_equal(funnel.offset, [0.0, 0.125])


def test_centres_outside_the_domain_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FunnelError, match=r"lies 0.5 outside Cube\(half_width=2.5\)"):
        make_pair(small_recipe(funnel=published_funnel(tmp_path / "f.pt", [[3.0, 0.0]], [0.0])))


def test_centres_of_another_dimension_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FunnelError, match="give centres of dimension 2"):
        make_pair(small_recipe(funnel=published_funnel(tmp_path / "f.pt", [[1.0, 0.0, 0.0]], [0.0])))


def test_dominated_only_funnels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FunnelError, match="keep at least one that is somewhere the minimum"):
        make_pair(small_recipe(funnel=published_funnel(tmp_path / "f.pt", [[1.0, 0.0], [1.0, 0.0]], [0.0, 0.0])))


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04 garbage"])
def test_a_file_that_is_no_state_dict_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "f.pt"
    path.write_bytes(content)
    table = {"file": str(path), "sha256": hashlib.sha256(content).hexdigest()}
    with pytest.raises(RecipeError, match="is not a state dict"):
        make_pair(small_recipe(funnel=table))


def test_a_file_that_changed_since_it_was_pinned_is_refused(tmp_path: Path) -> None:
    table = published_funnel(tmp_path / "f.pt", [[0.0, 0.0]], [0.0])
    published_funnel(tmp_path / "f.pt", [[0.5, 0.0]], [0.0])
    with pytest.raises(RecipeError, match="but the recipe needs"):
        make_pair(small_recipe(funnel=table))


def test_w1_of_a_ball_is_exact() -> None:
    """W1 = R D (p - 1) / ((D + 1)(D + p)) on every ray, without noise."""
    for dim, w1 in ((2, 14 / 3), (3, 10 * 3 * 7 / (4 * 11)), (16, 10 * 16 * 7 / (17 * 24))):
        source = {"kind": "ball", "dim": dim, "radius": 10.0}
        recipe = small_recipe(half_width=10.0, source=source, funnel={"count": 1, "centers": "origin"})
        np.testing.assert_allclose(make_pair(recipe).cost_terms("cost", 0), w1, rtol=1e-13)


def test_both_estimates_of_w1_agree() -> None:
    """The mean of s - s' and the mean of S times its Beta factor estimate one number."""
    pair = make_pair(small_recipe())
    displaced = replace(pair.map, uniform=False)
    displacement = np.concatenate([displaced.move(pair.targets("test.input", tile)) for tile in range(200)])
    terms = np.concatenate([pair.cost_terms("test.input", tile) for tile in range(200)])
    error = np.hypot(displacement.std(), terms.std()) / np.sqrt(len(terms))
    assert abs(displacement.mean() - terms.mean()) < 5 * error
    assert terms.std() < displacement.std()
