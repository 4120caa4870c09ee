"""Trials of one's own solver, ranks and estimators on the command line."""

from __future__ import annotations

import csv
import json
import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from support.forks import command

SOLVER = """
from __future__ import annotations

from dataclasses import dataclass, field

import constants

@dataclass
class Center:
    steps: int = 1
    mean: object = field(default=None)

    def fit(self, inputs, targets):
        self.mean = sum(targets(k).mean(0) for k in range(self.steps)) / self.steps

    def potential(self, x):
        return constants.SIGN * (x - self.mean).norm(dim=1)

def size(x, y):
    return abs(x.mean() - y.mean())
"""


@pytest.fixture
def solver(tmp_path: Path) -> str:
    (tmp_path / "constants.py").write_text("SIGN = -1\n")  # a neighbour that it imports
    (tmp_path / "center.py").write_text(SOLVER)
    return f"{tmp_path / 'center.py'}:Center"


def run(*words: object, code: int = 0, **environment: str) -> str:
    done = command(*words, environment=os.environ | environment)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr if code else done.stdout


def test_ones_own_solver_is_tried_beside_a_reference_method(
    solver: str, archive: Path, families: Path, tmp_path: Path
) -> None:
    pairs = ("--pair", archive / "small-d16-n64-p8", "--pair", families / "smooth", "--pair", families / "shift")
    out = tmp_path / "results.json"
    words = ("trial", solver, "radial", *pairs, "--seeds", 2, "--workers", 1, "--out", out)
    printed = run(*words)
    assert "### smooth" in printed
    assert "| Center |" in printed
    rows: list[dict[str, Any]] = json.loads(run(*words, "--json"))["rows"]
    assert len(rows) == 12
    by_method = {name: [row for row in rows if row["method"] == name] for name in ("Center", "radial")}
    for own, reference in zip(by_method["Center"], by_method["radial"], strict=True):
        assert own["metrics"]["cos"]["value"] == pytest.approx(reference["metrics"]["cos"]["value"], abs=0.05)

    text = run("results", out, "--ranks")
    assert max(map(len, text.splitlines())) <= 80
    assert {line.split()[1] for line in text.splitlines()[1:3]} == {"Center", "radial"}
    assert r"\toprule" in run("results", out, "--ranks", "--latex")
    assert run("results", out, "--ranks", "--markdown").startswith("| rank | method | mean | worst | funnel | smooth |")
    table = list(csv.DictReader(StringIO(run("results", out, "--ranks", "--csv"))))
    document = json.loads(run("results", out, "--ranks", "--json"))
    assert [row["method"] for row in table] == [method["method"] for method in document["methods"]]
    assert document["controls"] == ["shift"]
    assert len(run("results", out, "--csv").splitlines()) == 13


def test_a_suite_is_tried_by_its_name(solver: str, archive: Path, tmp_path: Path) -> None:
    """Links under the names of a suite's pairs stand for these."""
    there = tmp_path / "archive"
    there.mkdir()
    said = run("trial", solver, "--suite", "quick", code=2, W1BENCH_ARCHIVE=str(there), W1BENCH_HOME=str(tmp_path))
    assert "There are no pairs ball-d2-p8, hd-d2-n4-p8, product-d4, smooth-d2, spiked-d16-k2 here" in said
    for name in ("ball-d2-p8", "hd-d2-n4-p8", "product-d4", "smooth-d2", "spiked-d16-k2"):
        (there / name).symlink_to(archive / ("small-ball-d2-p8" if name.startswith("ball") else "small-d2-n4-p8"))
    out = tmp_path / "out.json"
    text = run(
        "trial", solver, "--suite", "quick", "--steps", 2, "--workers", 1, "--out", out, W1BENCH_ARCHIVE=str(there)
    )
    assert text.startswith("rank method")
    rows = json.loads(out.read_text())["rows"]
    assert {row["pair"]: row["steps"] for row in rows} == {"small-ball-d2-p8": 2, "small-d2-n4-p8": 2}


def test_what_does_not_go_together_is_said(solver: str, archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    run("trial", "radial", "--pair", archive / "small-d2-n4-p8", "--workers", 1, "--out", out)
    assert "give --pair or --suite" in run("trial", solver, code=2)
    assert "no suite 'cor'; there are: quick, core" in run("trial", solver, "--suite", "cor", code=2)
    assert "give one of them" in run("results", out, "--ranks", "--csv", "--latex", code=2)
    assert "give --ranks, too" in run("results", out, "--latex", code=2)
    assert "no suite 'cor'" in run("results", out, "--ranks", "--suite", "cor", code=2)
    assert "cannot be imported" in run("trial", f"{solver}s", "--pair", archive / "small-d2-n4-p8", code=2)


def test_a_file_is_checked_and_made_compact(archive: Path, tmp_path: Path) -> None:
    out, small = tmp_path / "results.json", tmp_path / "small.json"
    run("trial", "wc", "--pair", archive / "small-d2-n4-p8", "--steps", 64, "--workers", 1, "--out", out)
    run("results", out, "--compact", small)
    assert small.stat().st_size < out.stat().st_size / 3
    there = {"W1BENCH_ARCHIVE": str(archive)}
    said = run("results", small, "--check", "--workers", 1, **there)
    assert said == "1 of 1 cells have the file's cosines within 0.02.\n"
    document = json.loads(small.read_text())
    document["rows"][0]["curve"][1]["metrics"]["cos"] -= 0.1
    small.write_text(json.dumps(document))
    assert "WC on small-d2-n4-p8 (seed 0) came out otherwise" in run("results", small, "--check", code=1, **there)
    assert "give one of them" in run("results", small, "--check", "--ranks", code=2)
    beside = json.loads(run("results", small, "--published", "--json"))
    assert list(beside["laws"]) == ["hd-d2-n4-p8"]
    assert beside["difference"]["WC"] == pytest.approx(document["rows"][0]["metrics"]["cos"][0] - 0.072217)


def test_an_estimator_is_checked(solver: str) -> None:
    place = solver.replace("Center", "size")
    words = ("check-estimator", place, "--dim", 2, "--dim", 4, "--n", 16, "--n", 64, "--repeats", 2)
    printed = run(*words)
    assert printed.startswith("size: mean ± standard deviation\n")
    assert "At D = 4 and n = 64 it says" in printed
    document = json.loads(run(*words, "--json"))
    assert [(e["pair"], e["n"]) for e in document["estimates"]] == [
        (f"{law}-d{dim}", n) for dim in (2, 4) for law in ("shift", "smooth") for n in (16, 64)
    ]
    assert "must return one number" in run("check-estimator", "numpy:add", "--dim", 2, code=2)
