"""A small archive, built once a session: every kind of source, small enough to build in seconds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from w1bench.build import build
from w1bench.manifest import Manifest, read_manifest
from w1bench.recipe import Recipe, parse_recipe

SIZES = {"train": 3000, "test": 1500, "probe": 300, "w1_rays": 1 << 18}


def small_recipe(name: str = "small-d2-n4-p8", **changes: object) -> Recipe:
    """A recipe in two dimensions with four funnels; `changes` replace its fields."""
    values = {
        "name": name,
        "power": 8.0,
        "half_width": 2.5,
        "seed": 7,
        "source": {"kind": "uniform", "dim": 2},
        "funnel": {"count": 4},
        "sizes": SIZES,
    }
    return parse_recipe(values | changes, origin="a test")


RECIPES = (
    small_recipe(),
    small_recipe("small-d16-n64-p8", source={"kind": "uniform", "dim": 16}, funnel={"count": 64}),
    small_recipe(
        "small-ball-d2-p8",
        half_width=10.0,
        source={"kind": "ball", "dim": 2, "radius": 10.0},
        funnel={"count": 1, "centers": "origin"},
    ),
    small_recipe(
        "small-photos",
        power=100.0,
        half_width=1.2,
        source={"kind": "images", "dataset": "photos", "noise": 0.01},
        funnel={"count": 4, "center_half_width": 1.0},
        sizes={"train": 300, "test": 200, "probe": 50, "w1_rays": 4096},
    ),
    small_recipe(
        "small-digits",
        power=10.0,
        half_width=1.2,
        source={"kind": "images", "dataset": "digits", "noise": 0.01},
        funnel={"count": 4, "centers": "source"},
    ),
)


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of one small pair of each kind; tests must not change it."""
    folder = tmp_path_factory.mktemp("archive")
    for recipe in RECIPES:
        build(recipe, folder)
    return folder


@pytest.fixture(scope="session", params=[recipe.name for recipe in RECIPES])
def pair_folder(request: pytest.FixtureRequest, archive: Path) -> Path:
    """The folder of each small pair in turn."""
    return archive / request.param


@pytest.fixture
def manifest(pair_folder: Path) -> Manifest:
    return read_manifest(pair_folder)


@pytest.fixture(scope="session")
def published_funnels() -> Path:
    """The folder of the funnels published with the paper."""
    folder = os.environ.get("W1BENCH_PUBLISHED_FUNNELS")
    if not folder:
        pytest.skip(
            "set W1BENCH_PUBLISHED_FUNNELS to a folder with nd-d2-n4-p8.pt and others: the state dicts of "
            "https://github.com/justkolesov/Wasserstein1Benchmark (MIT licence)"
        )
    return Path(folder)
