"""Recipes as TOML files: one hash however they are written, files pinned by their content, and a sentence for what determines no pair."""

from __future__ import annotations

from pathlib import Path

import pytest

from w1bench.errors import RecipeError
from w1bench.recipes.files import read_recipe
from w1bench.recipes.funnels import PublishedFunnels
from w1bench.recipes.sources import ImageSource

CATALOGUED = Path(__file__).parents[3] / "datasets" / "recipes"
TOML = """
name = "mine"
power = 8
half_width = 2.5
[source]
kind = "uniform"
dim = 2
[funnel]
count = 4
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", sorted(CATALOGUED.glob("*.toml")), ids=lambda path: path.stem)
def test_catalogued_recipes_are_sound_and_named_by_their_file(path: Path) -> None:
    assert read_recipe(path).name == path.stem


@pytest.mark.parametrize("path", sorted(CATALOGUED.glob("outside/*.toml")), ids=lambda path: path.stem)
def test_catalogued_recipes_of_files_from_outside_take_them_from_where_they_are_said_to_be(
    path: Path, tmp_path: Path
) -> None:
    key = "checkpoint" if 'kind = "generator"' in path.read_text() else "root"
    with pytest.raises(RecipeError, match=rf"put it there or correct `{key}` in the recipe, or give --{key}\."):
        read_recipe(path)
    (tmp_path / "given").write_bytes(b"1")
    recipe = read_recipe(path, **{key: tmp_path / "given"})
    assert recipe.name == path.stem
    assert getattr(recipe.source, "path" if key == "checkpoint" else key) == str(tmp_path / "given")
    (tmp_path / "renamed").write_bytes(b"1")
    assert read_recipe(path, **{key: tmp_path / "renamed"}).sha256() == recipe.sha256()
    other = "root" if key == "checkpoint" else "checkpoint"
    with pytest.raises(RecipeError, match=f"--{other} .*, whose source does not have one; leave it out"):
        read_recipe(path, **{other: tmp_path / "given"})


def test_the_hash_does_not_depend_on_how_a_recipe_is_written(tmp_path: Path) -> None:
    first = read_recipe(write(tmp_path, TOML)).sha256()
    other = (
        TOML.replace("power = 8\n", "").replace('name = "mine"', 'power = 8.0\nname = "mine"') + "offset_std = 0.1\n"
    )
    assert read_recipe(write(tmp_path, other)).sha256() == first


@pytest.mark.parametrize(
    ("old", "new"), [("power = 8", "power = 9"), ("dim = 2", "dim = 3"), ("count = 4", "count = 5")]
)
def test_the_hash_depends_on_everything_that_determines_the_pair(tmp_path: Path, old: str, new: str) -> None:
    first = read_recipe(write(tmp_path, TOML)).sha256()
    assert read_recipe(write(tmp_path, TOML.replace(old, new))).sha256() != first


def test_a_funnel_file_is_pinned_by_its_content_and_not_by_its_folder(tmp_path: Path) -> None:
    text = TOML.replace("count = 4", 'file = "funnels.pt"')
    hashes: list[str] = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "funnels.pt").write_bytes(b"content")
        recipe = read_recipe(write(tmp_path / name, text))
        assert isinstance(recipe.funnel, PublishedFunnels)
        hashes.append(recipe.sha256())
    assert hashes[0] == hashes[1]
    assert str(tmp_path) not in recipe.canonical()
    (tmp_path / "two" / "funnels.pt").write_bytes(b"other")
    assert read_recipe(write(tmp_path / "two", text)).sha256() != hashes[0]
    pinned = text + f'sha256 = "{"0" * 64}"\n'
    with pytest.raises(RecipeError, match="but the recipe needs 0000"):
        read_recipe(write(tmp_path / "two", pinned))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("power = 8", "power = 0.5", "power came as 0.5; .*at least 1"),
        ("power = 8", "power = inf", "power came as inf; .*finite"),
        ("power = 8", "power = nan", "power came as nan"),
        ("half_width = 2.5", "half_width = 0", "half_width came as 0"),
        ("half_width = 2.5", "half_width = 1e200", "half_width came as 1e\\+200"),
        ("power = 8", "power = 1e308", "power came as 1e\\+308"),
        ("half_width = 2.5", "", "half_width is missing; a recipe with a table funnel needs it"),
        ("dim = 2", "dim = 0", r"source.uniform.dim came as 0"),
        ("dim = 2", "dim = 2.5", "source.uniform.dim came as 2.5"),
        ("dim = 2", "dim = 2\ncolour = 3", "colour came as 3; there is no field"),
        ('kind = "uniform"', 'kind = "normal"', "uniform.*ball.*images"),
        ("count = 4", "count = 0", "count came as 0"),
        ("count = 4", "count = 4\ncenter_half_width = 3", "outside the cube of half width 2.5"),
        ("count = 4", 'count = 4\ncenters = "origin"', "needs count = 1"),
        ('name = "mine"', 'name = "../mine"', "name came as '../mine'"),
        ("[funnel]", "[funnel", "is not TOML"),
        ("[funnel]", "[sizes]\ntest = 0\n[funnel]", "sizes.test came as 0"),
        ("count = 4", 'file = "missing.pt"', r"missing.pt cannot be read"),
    ],
)
def test_what_determines_no_pair_gets_a_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence):
        read_recipe(write(tmp_path, TOML.replace(old, new)))


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"none.toml cannot be read"):
        read_recipe(tmp_path / "none.toml")


def test_pictures_of_a_folder_stay_those_when_sizes_are_given(tmp_path: Path) -> None:
    """Also from another folder, and under a hash that knows their content and not their place."""
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(b"content")
    text = TOML.replace(
        'kind = "uniform"\ndim = 2', 'kind = "images"\ndataset = "photos"\nnoise = 0.01\nroot = "pictures"'
    )
    recipe = read_recipe(write(tmp_path, text)).with_sizes(train=500)
    assert isinstance(recipe.source, ImageSource)
    assert recipe.source.root == str(tmp_path / "pictures")
    assert str(tmp_path) not in recipe.canonical()
    (tmp_path / "pictures" / "a.png").write_bytes(b"other")
    assert read_recipe(write(tmp_path, text)).with_sizes(train=500).sha256() != recipe.sha256()


@pytest.mark.parametrize("file", ["a\\u0000b", "loop"])
def test_odd_paths_get_a_sentence(tmp_path: Path, file: str) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(RecipeError, match="cannot be read"):
        read_recipe(write(tmp_path, TOML.replace("count = 4", f'file = "{file}"')))


def test_deeply_nested_toml_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="is not TOML"):
        read_recipe(write(tmp_path, "a = " + "[" * 100_000))
