"""A sealed pair that a test may reveal or damage."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.recipes import SEALED, Sealed
from w1bench.builder.build import build


@pytest.fixture
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Sealed:
    """The sealed pair of funnels, or of the recipe that a test is given."""
    recipe = getattr(request, "param", SEALED)
    if recipe is SEALED:
        return request.getfixturevalue("sealed_pair").copied(tmp_path / "round")
    pair = Sealed(tmp_path / "archive", tmp_path / "truth", recipe.name)
    build(recipe, pair.archive, truth=pair.truth)
    return pair
