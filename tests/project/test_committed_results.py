"""The committed results are whole: their tables are made of them, and their figures are those of their pairs."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from w1bench.builder.build import build
from w1bench.recipes.families import CONTROLS
from w1bench.recipes.files import find_recipe, read_recipe
from w1bench.trials import results
from w1bench.trials.comparison.repetition import repeat
from w1bench.trials.comparison.result import compared
from w1bench.trials.suites import SUITES
from w1bench.trials.tables import as_markdown

FOLDER = Path(__file__).parents[2] / "datasets" / "results"
FILES = sorted(FOLDER.glob("*.json"))


def test_tables_are_made_of_the_results() -> None:
    """After new results: `make results`."""
    rows = results.read_all(FILES)
    tables = (FOLDER / "tables.md").read_text(encoding="utf-8")
    assert tables == as_markdown(rows) + "\n"
    pairs = [line.removeprefix("### ") for line in tables.splitlines() if line.startswith("###")]
    assert pairs.index("hd-d2-n4-p8") < pairs.index("hd-d16-n4-p8")


def test_methods_have_rows_on_all_published_sizes() -> None:
    """MM and MM:R, whose trainings take hours, on six."""
    rows = results.read(FOLDER / "published.json") + results.read(FOLDER / "hd-grid.json")
    sizes = [f"hd-d{dim}-n{count}-p8" for dim in (2, 4, 8, 16, 32, 64, 128) for count in (4, 16, 64, 256)]
    there = {(row["pair"], row["method"]) for row in rows}
    movers = {"MM", "MM:R"}
    later = {"SLL", "AOL", "PRW", "LP-ALM", "ENOT", "cones", "kmeans", "sinkhorn"}
    assert set(product(sizes, set(results.ORDER) - movers - later)) <= there
    assert [len({pair for pair, method in there if method == mover}) for mover in sorted(movers)] == [6, 6]
    assert all(
        row["outcome"] == "diverged" or row["metrics"]["cos"]["low"] < row["metrics"]["cos"]["high"] for row in rows
    )


def test_gp_and_lp_have_all_their_steps_where_a_third_of_them_was_not_flat() -> None:
    """As the README says: a curve is flat that gains .05 or less after a quarter of its steps."""
    rows = [row for row in results.read(FOLDER / "published.json") if row["method"] in ("GP", "LP")]
    assert len(rows) == 2 * 28
    for row in rows:
        *_, quarter, end = (point["metrics"]["cos"] for point in row["curve"])
        assert row["steps"] == 60_000 or (row["steps"] == 20_000 and end - quarter <= 0.05), row["pair"]


def test_a_cell_comes_out_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of `w1bench results datasets/results/published.json --check`, on whatever processor this is."""
    build(find_recipe("hd-d2-n4-p8"), tmp_path)
    monkeypatch.setenv("W1BENCH_ARCHIVE", str(tmp_path))
    rows = [row for row in results.read(FOLDER / "published.json") if row["pair"] == "hd-d2-n4-p8"]
    (cell,) = repeat([row for row in rows if row["method"] == "WC"], workers=None)
    assert cell.steps == (78, 312, 1250)
    assert cell.holds, str(cell)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_file_is_described(file: Path) -> None:
    assert f"`{file.name}`" in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_rows_of_catalogued_pairs_are_of_the_catalogued_recipes() -> None:
    recipes = FOLDER.parent / "recipes"
    pinned = {row["pair"]: row["recipe_sha256"] for row in results.read_all(FILES)}
    catalogued = {pair: read_recipe(path).sha256() for pair in pinned if (path := recipes / f"{pair}.toml").exists()}
    assert catalogued
    assert catalogued.items() <= pinned.items()


def test_the_page_of_ranks_shows_the_committed_rows_of_all_methods() -> None:
    """After new results: `w1bench results datasets/results/core.json --ranks --suite core --markdown`."""
    rows = results.read(FOLDER / "core.json")
    counted = {(row["method"], row["pair"]) for row in rows if row["family"] not in CONTROLS}
    solved = {name for name in SUITES["core"] if name.startswith(("ball", "shift"))}
    assert counted == set(product(results.ORDER, set(SUITES["core"]) - solved))
    page = (FOLDER.parents[1] / "docs" / "ranks-by-family.md").read_text(encoding="utf-8")
    assert f"\n{compared(rows).markdown()}\n" in page
    standings = compared(rows).standings
    assert {s.seeds for s in standings} == {3}
    assert not [s.method for s in standings if s.worst and s.worst[1] > 0]  # as the page says
    assert sum(s.skill is not None and s.skill.value < 0 for s in standings) == 13


def test_what_is_said_of_each_method_is_what_its_page_says() -> None:
    """On boards and in citations, without the solvers that it comes from."""
    methods = results.reference_methods()
    assert tuple(methods) == results.ORDER
    pages = FOLDER.parents[1] / "docs" / "solvers"
    assert {f"{said['page']}.md" for said in methods.values()} == {page.name for page in pages.glob("*.md")}
    for tag, said in methods.items():
        page = (pages / f"{said['page']}.md").read_text(encoding="utf-8")
        assert page.startswith(f"# {tag}: {said['title']}\n")
        begin = " ".join(page.split("\n\n")[1].split())
        assert ("authors" in said) == (begin.startswith(said.get("authors", "-")))
        assert "arxiv" not in said or f"arXiv:{said['arxiv']}" in begin
        assert tag == "MM:R" or "paper" not in said or f"*{said['paper']}*, {said['venue']}" in begin
