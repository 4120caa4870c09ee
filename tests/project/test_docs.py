"""The documents are true: every command, option, variable, data set, metric and figure is in them; examples run."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from typer.main import get_command

from support.files import ROOT
from support.recipes import FAMILIES, small_recipe
from w1bench.archive import hdf5 as store
from w1bench.archive.manifest import Manifest, read_published_manifest
from w1bench.builder.build import build
from w1bench.cli.main import app
from w1bench.recipes.families import Attenuation, Ellipsoid, Late, Product, Shift, Spike
from w1bench.recipes.files import read_recipe
from w1bench.recipes.funnels import DrawnFunnels, PublishedFunnels
from w1bench.recipes.recipe import About, Family, Recipe, Sizes
from w1bench.recipes.sources import GeneratorSource, ImageSource, Projection
from w1bench.scoring import submission
from w1bench.scoring.metrics import METRICS
from w1bench.scoring.scorecard import Diagnosis
from w1bench.solvers import SOLVERS

README, COMMANDS, METRICS_PAGE, FORMAT, FAMILIES_PAGE = (
    (ROOT / path).read_text()
    for path in ("README.md", "docs/commands.md", "docs/metrics.md", "datasets/FORMAT.md", "docs/families.md")
)


def test_the_readme_example_runs(archive: Path, tmp_path: Path) -> None:
    example = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert example
    program = example[1]
    assert len([line for line in program.splitlines() if line.strip()]) <= 10
    recipe = small_recipe("hd-d16-n64-p8", source={"kind": "uniform", "dim": 16}, funnel={"count": 64})
    build(recipe, tmp_path / "archive")
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"(-?[0-9.]+ \[[^]]+\]\s){3}", done.stdout)


def test_the_readme_names_both_commands_every_folder_and_the_paper() -> None:
    for words in ("make demo", "make test", "2206.07767", "generator/", "server/", "datasets/", "tests/", "docs/"):
        assert words in README


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)]+)\)", README))
def test_links_of_the_readme_lead_somewhere(link: str) -> None:
    assert (ROOT / link).exists()


def test_every_command_and_option_is_documented() -> None:
    for name, command in click_commands(get_command(app), "w1bench"):
        assert name in COMMANDS
        for option in (word for parameter in command.params for word in parameter.opts if word.startswith("--")):
            assert option in COMMANDS, (name, option)


def click_commands(group: Any, words: str) -> Iterator[tuple[str, Any]]:
    """All commands below a group, with the words that call them."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from click_commands(command, f"{words} {name}")
        else:
            yield f"{words} {name}", command


def test_every_variable_is_documented() -> None:
    text = "".join(path.read_text() for path in (ROOT / "generator").rglob("*.py"))
    for variable in set(re.findall(r"W1BENCH_[A-Z]+", text)):
        assert variable in COMMANDS or variable in (ROOT / "docs" / "service.md").read_text(), variable


def test_every_recipe_field_is_documented(tmp_path: Path) -> None:
    of_families = (Attenuation, Ellipsoid, Shift, Product, Spike, Late, About)
    for model in (
        Recipe,
        ImageSource,
        Projection,
        GeneratorSource,
        DrawnFunnels,
        PublishedFunnels,
        Sizes,
        *of_families,
    ):
        for field in model.model_fields:
            assert field in COMMANDS, field
    example = re.search(r"```toml\n(.*?)```", COMMANDS, re.DOTALL)
    assert example
    (tmp_path / "recipe.toml").write_text(example[1])
    assert read_recipe(tmp_path / "recipe.toml") == read_recipe(ROOT / "datasets/recipes/photos32-n16-p100.toml")


def test_every_method_is_documented() -> None:
    for method in SOLVERS:
        assert f"`{method}`" in COMMANDS


@pytest.mark.parametrize("name", SOLVERS)
def test_every_solver_has_its_page_and_the_index_its_settings(name: str) -> None:
    method = SOLVERS[name]
    page = (ROOT / "docs" / "solvers" / f"{name}.md").read_text()
    assert page.startswith(f"# {method.tag}: ")
    assert "**What its row shows.**" in page
    (line,) = re.findall(rf"\n(\| `{name}` \|.*)", (ROOT / "docs" / "solvers.md").read_text())
    steps = " / ".join(f"{method.settings(shape).steps:,}" for shape in ((2,), (3, 64, 64), (3, 32, 32)))
    betas = ", ".join(f"{beta:g}".lstrip("0") or "0" for beta in method.settings((2,)).betas)
    assert f"| {method.tag} |" in line
    assert f"| {steps} |" in line
    assert f"| {betas} |" in line or method.tag == "DOT"


def test_every_metric_and_diagnosis_is_documented() -> None:
    for name in (*METRICS, *Diagnosis.model_fields):
        assert f"`{name}`" in METRICS_PAGE


def test_every_data_set_attribute_and_figure_is_documented(pair_folder: Path) -> None:
    manifest: Manifest = read_published_manifest(pair_folder)
    for role, names in store.ROLES.items():
        assert f"`{role}.h5`" in FORMAT
        for name in (*names, *manifest.attributes(role)):
            assert f"`{name}`" in FORMAT
    for name in (*submission.shapes(manifest), *(figure.name for figure in manifest.certificate)):
        assert f"`{name}`" in FORMAT


@pytest.mark.parametrize("recipe", FAMILIES, ids=lambda recipe: recipe.name)
def test_every_data_set_attribute_and_figure_of_families_is_documented(recipe: Recipe, families: Path) -> None:
    manifest: Manifest = read_published_manifest(families / recipe.name)
    for file in manifest.files:
        assert f"`{file}`" in FORMAT
        for name in (*manifest.specs(file[:-3]), *manifest.attributes(file[:-3])):
            assert f"`{name}`" in FORMAT
    for figure in manifest.certificate:
        assert f"`{figure.name}`" in FORMAT
    card = (families / recipe.name / "README.md").read_text()
    (table,) = re.findall(r"(?:^\| .* \|\n)+(?=\n```python)", card, re.MULTILINE)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()} == {5}


@pytest.mark.parametrize("family", get_args(Family))
def test_every_family_is_on_its_page_and_every_example_there_is_a_recipe(family: str, tmp_path: Path) -> None:
    assert f"## `{family}`" in FAMILIES_PAGE
    examples = re.findall(r"```toml\n(.*?)```", FAMILIES_PAGE, re.DOTALL)
    (tmp_path / "recipe.toml").write_text(next(text for text in examples if f"# {family}\n" in text))
    assert read_recipe(tmp_path / "recipe.toml").family == family


def test_the_documents_speak_of_the_project_alone() -> None:
    for page in ROOT.glob("**/*.md"):
        if ".venv" not in page.parts and "archive" not in page.parts:
            assert not re.search(r"(^|[^A-Za-z0-9_.])/(home|root|tmp|work)/", page.read_text()), page
