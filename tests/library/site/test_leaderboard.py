"""The leaderboard of an export: rows of results files, ordered by cosine, as comma-separated values."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from w1bench.errors import InputError
from w1bench.site.leaderboard import TrialRow, as_csv, rank, read_trials
from w1bench.trials import results


def row(method: str = "lp", *, cos: float | None = 0.5, pair: str = "a", **changes: Any) -> dict[str, Any]:
    """A row as trials write it."""
    figures = {"cos": None if cos is None else {"value": cos, "low": cos - 0.1, "high": cos + 0.1}, "dev": None}
    return {
        "method": method, "pair": pair, "recipe_sha256": "0" * 64, "seed": 0, "steps": 10, "seconds": 1.5,
        "outcome": "finished", "metrics": figures, "data": "fresh", "settings": {"steps": 10}, "law": pair, "w1": 1.0, "dual_value": None,
    } | changes  # fmt: skip


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
        ({"pair": None}, "pair came as None; it must be a text"),
    ],
)
def test_rows_of_no_trial_are_said(changes: dict[str, Any], reason: str, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(json.dumps({"format": results.FORMAT, "rows": [row(**changes)]}))
    with pytest.raises(InputError, match=rf"row of the results is not a trial \({reason}"):
        read_trials([tmp_path / "r.json"])


def test_boards_order_by_cosine_and_what_has_none_comes_last() -> None:
    rows = [row("a", cos=0.2), row("b", cos=None, outcome="diverged"), row("c", cos=0.9), row("d", cos=0.2)]
    boards = rank(TrialRow.model_validate(r) for r in [row("x", pair="z"), *rows])
    assert list(boards) == ["a", "z"]
    assert [(s.rank, s.trial.method) for s in boards["a"]] == [(1, "c"), (2, "a"), (2, "d"), (None, "b")]


def test_the_csv_has_every_metric_with_its_interval() -> None:
    boards = rank(TrialRow.model_validate(r) for r in (row(), row("wc, twice", cos=None)))
    first, last = csv.DictReader(io.StringIO(as_csv(boards)))
    assert (first["rank"], first["method"], first["cos"], first["cos_low"], first["cos_high"]) == (
        "1", "lp", "0.5", "0.4", "0.6",
    )  # fmt: skip
    assert (last["rank"], last["method"], last["cos"], first["dev"]) == ("", "wc, twice", "", "")
