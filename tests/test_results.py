"""Results of trials: read from rows, ordered by cosine, written as a sheet."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from w1bench.errors import InputError
from w1bench.results import Trial, read_results, sheet, standings


def row(method: str = "lp", *, cos: float | None = 0.5, pair: str = "a", **changes: Any) -> dict[str, Any]:
    """A row as trials write it."""
    figures = {"cos": None if cos is None else {"value": cos, "low": cos - 0.1, "high": cos + 0.1}, "dev": None}
    return {
        "method": method, "pair": pair, "pair_digest": "0" * 64, "seed": 0, "steps": 10, "seconds": 1.5,
        "outcome": "finished", "metrics": figures, "device": "cpu",
    } | changes  # fmt: skip


def test_files_and_folders_hold_a_row_or_a_list_of_them(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps(row("lp")))
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.json").write_text(json.dumps([row("gp"), row("wc")]))
    (tmp_path / "more" / "a.json").write_text(json.dumps([row("so")]))
    found = read_results([tmp_path / "one.json", tmp_path / "more"])
    assert [trial.method for trial in found] == ["lp", "so", "gp", "wc"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "Expecting property name"),
        ("3", "the row: Input should be"),
        (json.dumps([{"method": "lp"}]), "pair: Field required"),
        (json.dumps(row(steps="many")), "steps: Input should be a valid integer"),
        (json.dumps(row(seconds=float("nan"))), "not JSON compliant"),
        (json.dumps(row()).replace("0.5", "1e999"), "not JSON compliant"),
        (b"\xff\xfe", "codec can't decode"),
    ],
)
def test_what_is_no_result_is_said(content: str | bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError, match=rf"results.json holds no results \(.*{reason}.*needed: a JSON row, or a list"):
        read_results([path])
    with pytest.raises(InputError, match=r"none.json cannot be read"):
        read_results([tmp_path / "none.json"])


def test_boards_order_by_cosine_and_what_has_none_comes_last() -> None:
    rows = [row("a", cos=0.2), row("b", cos=None, outcome="diverged"), row("c", cos=0.9), row("d", cos=0.2)]
    boards = standings(Trial.model_validate(r) for r in [row("x", pair="z"), *rows])
    assert list(boards) == ["a", "z"]
    assert [(s.rank, s.trial.method) for s in boards["a"]] == [(1, "c"), (2, "a"), (2, "d"), (None, "b")]


def test_the_sheet_has_every_metric_with_its_interval() -> None:
    boards = standings(Trial.model_validate(r) for r in (row(), row("wc, twice", cos=None)))
    first, last = csv.DictReader(io.StringIO(sheet(boards)))
    assert (first["rank"], first["method"], first["cos"], first["cos_low"], first["cos_high"]) == (
        "1", "lp", "0.5", "0.4", "0.6",
    )  # fmt: skip
    assert (last["rank"], last["method"], last["cos"], first["dev"]) == ("", "wc, twice", "", "")
