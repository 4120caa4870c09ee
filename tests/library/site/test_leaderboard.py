"""The boards of an export from results files: seeds as one row, ordered by cosine, read with complaints that say what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.recipes import RECIPES
from w1bench.archive.manifest import Manifest, read_published_manifest
from w1bench.errors import InputError
from w1bench.scoring.scorecard import Interval
from w1bench.site import numbers
from w1bench.site.board.overall import placed
from w1bench.site.board.rows import Row
from w1bench.site.board.sheets import of_rows, written
from w1bench.site.board.sizes import by_size
from w1bench.site.leaderboard import TrialRow, content_of, read_trials
from w1bench.trials import results

PAIR = RECIPES[0].name


def row(method: str = "lp", *, cos: float | None = 0.5, pair: str = PAIR, **changes: Any) -> dict[str, Any]:
    """A row as trials write it."""
    figures = {"cos": None if cos is None else {"value": cos, "low": cos - 0.1, "high": cos + 0.1}, "dev": None}
    return {
        "method": method, "pair": pair, "recipe_sha256": "0" * 64, "seed": 0, "steps": 10, "seconds": 1.5,
        "outcome": "finished", "metrics": figures, "data": "fresh", "settings": {"steps": 10}, "law": pair, "w1": 1.0, "dual_value": None,
    } | changes  # fmt: skip


@pytest.fixture
def manifests(archive: Path) -> dict[str, Manifest]:
    return {recipe.name: read_published_manifest(archive / recipe.name) for recipe in RECIPES}


def test_results_files_are_read_alone_and_in_folders(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    for name, rows in (("one", [row("lp")]), ("more/b", [row("gp"), row("wc")]), ("more/a", [row("so")])):
        results.write(tmp_path / f"{name}.json", rows)
    (tmp_path / "more" / "c.json").write_bytes((tmp_path / "one.json").read_bytes())  # counts once
    found = read_trials([tmp_path / "one.json", tmp_path / "more"])
    assert [trial.method for trial in found] == ["lp", "so", "gp", "wc"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"steps": "many"}, "steps came as 'many'; it must be a whole number"),
        ({"pair": 7}, "pair came as 7; it must be a text"),
        ({"points": "all"}, "points came as 'all'; it must be a whole number"),
        ({"missing": ["cos"]}, r"missing came as \['cos'\]; it must be a table"),
        ({"metric_version": "2"}, "metric_version came as '2'; it must be a whole number"),
        ({"seconds": float("nan")}, "seconds came as nan; it must be a finite number"),
    ],
)
def test_rows_of_no_trial_are_said(changes: dict[str, Any], reason: str, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(json.dumps({"format": results.FORMAT, "rows": [row(**changes)]}))
    with pytest.raises(InputError, match=rf"Row 1 of .*r\.json is damaged: {reason}"):
        read_trials([tmp_path / "r.json"])


def test_boards_order_by_cosine_and_what_has_none_comes_last(manifests: dict[str, Manifest]) -> None:
    rows = [
        row("a", cos=0.2),
        row("b", cos=None, metrics=None, outcome="diverged"),
        row("c", cos=0.9),
        row("d", cos=0.2),
    ]
    content, receipts = content_of([TrialRow.model_validate(r) for r in rows], manifests)
    board = content.boards[PAIR]
    assert [(each.rank, each.tied, each.method) for each in board] == [
        (1, False, "c"), (2, True, "a"), (2, True, "d"), (None, False, "b"),
    ]  # fmt: skip
    assert board[-1].metadata["description"] == "diverged: no gradient"
    assert [receipt.row for receipt in receipts] == list(board)
    assert receipts[0].card.metrics["cos"] == board[0].metrics["cos"]


def test_seeds_are_one_row_with_their_mean(manifests: dict[str, Manifest]) -> None:
    trials = [TrialRow.model_validate(row(cos=cos, seed=seed)) for seed, cos in enumerate((0.4, 0.5, 0.9))]
    (one,) = content_of(trials, manifests)[0].rows
    assert (one.seeds, one.tries, one.value("cos")) == (3, 3, pytest.approx(0.6))
    interval = one.metrics["cos"]
    assert interval is not None
    assert interval.low is not None
    assert interval.low < 0.4  # seeds vary more than the points


def test_the_csv_has_every_metric_with_its_interval(manifests: dict[str, Manifest]) -> None:
    rows = [row(), row("wc, twice", cos=None, metrics=None)]
    content, _ = content_of([TrialRow.model_validate(r) for r in rows], manifests)
    header, first, last = written(of_rows(content.rows), "csv").splitlines()
    names = header.split(",")
    assert {"cos", "cos_low", "cos_high", "dev"} <= set(names)
    assert dict(zip(names, first.split(","), strict=True))["cos_low"] == "0.4"
    assert '"wc, twice"' in last


def test_rows_of_before_have_the_skill_of_their_cosine(manifests: dict[str, Manifest]) -> None:
    rows = [row("old", cos=0.5), row("new", cos=0.7, trivial={"radial": 0.25, "shift": -0.5})]
    board = {
        each.method: each for each in content_of([TrialRow.model_validate(r) for r in rows], manifests)[0].boards[PAIR]
    }
    skill = board["old"].metrics["skill"]
    assert skill is not None
    assert (skill.value, skill.low, skill.high) == pytest.approx((1 / 3, 0.2, 7 / 15))


def test_no_single_row_changes_which_pairs_count() -> None:
    def of(pair: str, method: str, *, reference: bool = True, skill: float = 0.5) -> Row:
        metrics = {"skill": Interval(value=skill, low=skill, high=skill)}
        return Row(pair, method, "ann", f"{pair}-{method}", "funnel", 2, 1, metrics, reference=reference)

    core = [of("hd-d16-n64-p8", "a"), of("smooth-d16", "a"), of("hd-d16-n64-p8", "b")]
    for rows, counted, places in (
        (core, 2, {"a": 1, "b": None}),
        ([*core, of("hd-d2-n4-p8", "mine", reference=False)], 2, {"a": 1, "b": None, "mine": None}),
        ([of("one", "a"), of("two", "mine", reference=False)], 1, {"a": 1, "mine": None}),
        ([of("one", "mine", reference=False)], 1, {"mine": 1}),
    ):
        methods = placed(rows, "open")
        assert {method.first.method: method.rank for method in methods} == places
        assert {method.of for method in methods} == {counted}


def test_the_leaders_of_a_size_are_complete_there_and_know_no_family() -> None:
    def of(pair: str, dim: int, method: str, skill: float, **changes: Any) -> Row:
        metrics = {"skill": Interval(value=skill, low=skill - 0.01, high=skill + 0.01)}
        return Row(pair, method, "w1bench", f"{pair}-{method}", "funnel", dim, 1, metrics, reference=True, **changes)

    rows = [
        of("hd-d2-n4-p8", 2, "a", 0.1), of("plane", 2, "a", 0.3), of("hd-d2-n4-p8", 2, "half", 0.9),
        of("high", 128, "a", 0.2), of("spiked-d128-k4", 128, "a", 0.0),
        of("high", 128, "b", 0.3), of("spiked-d128-k4", 128, "b", 0.1),
        of("high", 128, "knows", 0.9, metadata={"knows_family": True}), of("spiked-d128-k4", 128, "knows", 0.9, metadata={"knows_family": True}),
        of("sealed", 128, "a", 0.5, track="sealed"),
        of("digits", 64, "a", -0.2),
    ]  # fmt: skip
    found = {size.name: size for size in by_size(rows, frozenset({"digits"}))}
    assert list(found) == ["up to 8 dimensions", "100 dimensions and more", "pictures"]
    high = found["100 dimensions and more"]
    assert (high.pairs, high.methods) == (["high", "spiked-d128-k4"], 3)  # all with reference rows, not core's alone
    assert [(each.first.method, each.score) for each in high.leaders] == [("b", 0.2), ("a", 0.1)]
    few = found["up to 8 dimensions"]
    assert [each.first.method for each in few.leaders] == ["a"]
    assert few.partial is not None
    assert (few.partial.method.first.method, *few.partial[1:]) == ("half", 1, 0.9, 0.1)
    assert high.partial is None
    assert (found["pictures"].leaders, found["pictures"].methods) == ([], 1)  # no more than the trivial critics
    assert by_size([], frozenset()) == []


def test_figures_of_a_method_are_of_the_pairs_that_count() -> None:
    def of(pair: str, steps: int, seconds: float, seeds: int) -> Row:
        metrics = {"skill": Interval(value=0.5, low=0.4, high=0.6)}
        said = {"steps": steps, "seconds": seconds}
        return Row(pair, "a", "ann", pair, "funnel", 2, 1, metrics, reference=True, seeds=seeds, metadata=said)

    rows = [of("hd-d16-n64-p8", 20_000, 9.0, 3), of("smooth-d16", 500, 7.0, 2), of("hd-d2-n4-p8", 5, 1.0, 1)]
    (method,) = placed(rows, "open")
    assert (method.of, method.steps, method.seconds, method.seeds) == (2, (500, 20_000), 8.0, 2)
    assert numbers.steps(*method.steps or (None,)) == "500–20,000"
    assert [numbers.steps(7000), numbers.steps(1), numbers.steps(None)] == ["7,000", "–", "–"]


def test_a_mark_beyond_its_scale_is_an_arrow() -> None:
    inside, left, right = (numbers.mark(Interval(value=v, low=None, high=None), "skill", -0.5, 1) for v in (0, -2, 3))
    assert ("circle" in inside, "beyond" in inside) == (True, False)
    assert all("circle" not in mark and "beyond" in mark for mark in (left, right))
    assert left != right


def test_pairs_are_in_the_order_of_their_numbers() -> None:
    names = ["hd-d128-n4-p8", "hd-d2-n16-p8", "ball-d3-p8", "hd-d2-n4-p8"]
    assert sorted(names, key=results.numbered) == ["ball-d3-p8", "hd-d2-n4-p8", "hd-d2-n16-p8", "hd-d128-n4-p8"]
