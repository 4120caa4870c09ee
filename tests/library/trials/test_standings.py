"""Standings of made-up rows: what counts in which mean, pooled seeds, shared ranks, and every format of the table."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.rows import made_row
from w1bench.scoring.intervals.seeds import Sample, combined
from w1bench.scoring.scorecard import RESAMPLES, Interval
from w1bench.trials.comparison.result import Benchmark, compared
from w1bench.trials.comparison.standings import averaged
from w1bench.trials.resamples import _of_metric  # pyright: ignore[reportPrivateUsage]
from w1bench.trials.results import read_all, write

FAMILIES = {"f1": "funnel", "f2": "funnel", "s1": "smooth", "b1": "ball", "k1": "spiked"}


def result(
    method: str, pair: str, value: float | None, *, seed: int = 0, steps: int = 500, error: float = 0.01,
    trivial: float = 0.5, noise: np.ndarray | None = None, version: int = 2,
) -> dict[str, Any]:  # fmt: skip
    """A row of results with a skill (None: diverged), or a cosine on a control."""
    control = FAMILIES[pair] == "ball" or trivial >= 0.99
    interval = value is not None and {"value": value, "low": value - 1.96 * error, "high": value + 1.96 * error}
    metrics = {"cos": interval, "skill": None if control else interval} if version == 2 else {"cos": interval}
    row = {
        "method": method, "pair": pair, "family": FAMILIES[pair], "recipe_sha256": pair, "seed": seed, "data": "fresh", "steps": steps,
        "settings": {"steps": steps, "batch": 4}, "trivial": {"radial": trivial, "shift": 0.0}, "metrics": metrics,
    }  # fmt: skip
    if value is None:
        return {name: v for name, v in row.items() if name != "trivial"} | {"metrics": None}
    if noise is not None:
        row["resamples"] = {"cos": _of_metric(value + error * noise), "skill": _of_metric(value + error * noise)}
    return row


def everywhere(method: str, values: Sequence[float], **what: Any) -> list[dict[str, Any]]:
    return [result(method, pair, value, **what) for pair, value in zip(FAMILIES, values, strict=True)]


def test_a_mean_is_over_families_and_controls_count_in_none() -> None:
    rows = everywhere("A", [0.1, 0.5, 0.6, 0.95, -0.3])
    found = compared(rows)
    (standing,) = found.standings
    assert {name: sample.value for name, sample in standing.families.items()} == pytest.approx(
        {"funnel": 0.3, "smooth": 0.6, "spiked": -0.3}
    )
    assert standing.skill
    assert standing.skill.value == pytest.approx(0.2)
    assert standing.worst == ("spiked", pytest.approx(-0.3))
    assert standing.control == 0.95
    assert found.pairs.controls == {"b1"}
    solved = [row | {"trivial": {"radial": 0.995}} if row["pair"] == "s1" else row for row in rows]
    assert compared(solved).pairs.controls == {"b1", "s1"}


def test_seeds_are_pooled_as_on_boards() -> None:
    rng = np.random.default_rng(1)
    noises = {pair: rng.standard_normal(RESAMPLES) for pair in FAMILIES}
    rows = [
        result("A", pair, 0.5 + 0.1 * seed + shift, seed=seed, noise=noises[pair])
        for seed in range(3)
        for pair, shift in zip(FAMILIES, (0, 0.02, -0.1, 0, 0.1), strict=True)
    ]
    (standing,) = compared(rows).standings
    sample = standing.pairs["s1"]
    assert standing.seeds == 3
    assert [interval.value for interval in sample.intervals] == pytest.approx([0.4, 0.5, 0.6])
    pooled = combined(sample)
    assert pooled.value == pytest.approx(0.5)
    assert pooled.low is not None
    assert 0.2 < pooled.value - pooled.low < 0.3  # Student's t of two degrees of freedom times .1 / sqrt(3)
    assert standing.skill
    assert [interval.value for interval in standing.skill.intervals] == pytest.approx(
        [0.503333, 0.603333, 0.703333], abs=1e-5
    )
    # of three families, one of two pairs, whose errors are independent
    expected = 0.01 * np.sqrt((1 / 2 + 1 + 1) / 9)
    assert standing.skill.points_error == pytest.approx(expected, rel=0.1)
    alone = compared([row for row in rows if row["seed"] == 0]).standings[0].skill
    assert alone
    (interval,) = alone.intervals
    assert interval.low is not None
    assert interval.high is not None
    assert (interval.high - interval.low) / 2 == pytest.approx(1.96 * expected)


def test_an_average_has_an_interval_where_all_have_one() -> None:
    whole, bare = Interval(value=1.0, low=0.9, high=1.1), Interval(value=0.0, low=None, high=None)
    assert averaged([Sample([whole], [None])] * 4).intervals[0].high == pytest.approx(1.05)
    assert averaged([Sample([whole], [None]), Sample([bare], [None])]).intervals[0] == Interval(
        value=0.5, low=None, high=None
    )


def test_methods_that_differ_by_noise_alone_share_a_rank() -> None:
    rng = np.random.default_rng(2)
    values = [0.3, 0.5, 0.6, 0.95, 0.1]
    noises = [rng.standard_normal(RESAMPLES) for _ in range(3)]
    rows = [
        row
        for method, shift, noise in zip("ABC", (0.0, 0.002, 0.2), noises, strict=True)
        for row in everywhere(method, [value + shift for value in values], noise=noise)
    ]
    assert [(s.method, s.rank, s.tied) for s in compared(rows).standings] == [
        ("C", 1, False),
        ("B", 2, True),
        ("A", 2, True),
    ]
    without = everywhere("D", values) + everywhere("E", [value + 0.001 for value in values])
    assert [s.rank for s in compared(without).standings] == [1, 1]
    near = everywhere("D", values, noise=noises[0]) + everywhere("E", [v + 0.002 for v in values], noise=noises[0])
    assert [s.rank for s in compared(near).standings] == [1, 2]  # noise that both share makes no tie


def test_what_entered_fewer_is_apart_and_old_rows_do_not_count() -> None:
    rows = [
        *everywhere("A", [0.1] * 5),
        *everywhere("B", [0.9] * 5)[:3],
        *everywhere("D", [0.8] * 4 + [None]),  # type: ignore[list-item]
        *everywhere("C", [0.5] * 5, version=1),
        *everywhere("A", [0.7] * 5, steps=20),  # a shorter budget, which is no row of a board
    ]
    found = compared(rows)
    assert [(s.method, s.rank, s.missing, s.diverged) for s in found.standings] == [
        ("A", 1, (), 0), ("B", None, ("b1", "k1"), 0), ("D", None, ("k1",), 1),
    ]  # fmt: skip
    assert found.standings[0].pairs["f1"].value == 0.1
    uncontrolled = compared([row for row in rows if (row["method"], row["pair"]) != ("A", "b1")]).standings[0]
    assert (uncontrolled.method, uncontrolled.rank, uncontrolled.missing, uncontrolled.control) == (
        "A",
        1,
        ("b1",),
        None,
    )
    only = compared(rows, {"f1": "funnel", "s1": "smooth"})
    assert [(s.method, s.rank) for s in only.standings] == [("B", 1), ("D", 2), ("A", 3)]


@pytest.fixture
def found() -> Benchmark:
    rows = [
        *everywhere("A_very-long & odd%name", [0.1, 0.2, 1.0, 0.999, -123.4]),
        *everywhere("B", [-0.004, -5.5, 0.25, 0.5, 0.125], seed=0),
        *everywhere("B", [-0.004, -5.4, 0.25, 0.5, 0.125], seed=1),
        *everywhere("C", [0.4] * 5)[:2],
    ]
    return compared(rows)


def test_text_fits_eighty_columns_and_cuts_no_figure(found: Benchmark) -> None:
    lines = found.text().splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["rank", "method", "mean", "worst", "funnel", "smooth", "spiked", "contr"]
    assert lines[1].split()[:2] == ["1", "B"]
    assert lines[1].split()[3:] == ["-2.73", "-2.73", ".25", ".12", ".50"]
    assert (lines[2], lines[3].split()) == ("     A_very-long & odd%name", ["2", "-40.8±.010", "-123", ".15", "1.00", "-123", "1.00"])  # fmt: skip
    assert lines[4] == "without all pairs:"
    assert lines[5].split() == ["-", "C", ".400±.014", ".40", ".40", "-", "-", "-"]
    assert "No figure on s1, b1, k1: C." in found.text()
    assert "Seeds: B 2, A_very-long & odd%name 1, C 1." in found.text().replace("\n", " ")
    wide = {
        f"p{n}": family
        for n, family in enumerate(("funnel", "late", "product", "smooth", "spiked", "attenuation", "other", "more"))
    }
    rows = [result("M", "f1", -0.55) | {"pair": pair, "family": family} for pair, family in wide.items()]
    assert max(map(len, compared([*rows, result("M", "b1", 0.5)]).text().splitlines())) <= 80


def test_markdown_latex_and_values_hold_the_same(found: Benchmark) -> None:
    table = [line for line in found.markdown().splitlines() if line.startswith("|")]
    assert {line.count("|") for line in table} == {9}
    assert "| **.25** |" not in table[2]
    assert "**1.00**" in table[3]
    latex = found.latex()
    assert re.findall(r"\\(?:top|mid|bottom)rule", latex) == [r"\toprule", r"\midrule", r"\midrule", r"\bottomrule"]
    body = [line for line in latex.splitlines() if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", line)) for line in body} == {7}
    assert len(re.search(r"\{tabular\}\{(\w+)\}", latex)[1]) == 8  # type: ignore[index]
    assert r"A\_very-long \& odd\%name" in latex
    assert r"$-$40.8$\,\pm\,$.010" in latex
    assert not re.search(r"(?<!\$)-\d", latex.split("%")[0])
    rows = list(csv.DictReader(StringIO(found.csv())))
    assert [(row["method"], row["rank"], row["seeds"]) for row in rows] == [
        ("B", "1", "2"), ("A_very-long & odd%name", "2", "1"), ("C", "", "1"),
    ]  # fmt: skip
    assert float(rows[1]["skill k1"]) == -123.4
    assert (float(rows[0]["cos b1"]), rows[2]["cos b1"], rows[0]["worst_family"]) == (0.5, "", "funnel")
    document: Any = found.document()
    assert document["methods"][0]["skill"]["value"] == pytest.approx(float(rows[0]["skill"]))
    assert document["methods"][2]["missing"] == ["s1", "b1", "k1"]
    assert repr(found) == "<Benchmark of 3 methods on 5 pairs; print it for its table>"


def test_a_cell_that_stands_in_several_files_counts_once_by_its_newest_version(tmp_path: Path) -> None:
    rows = [
        made_row("LP", "f1", seed=seed, version=version)
        | {"outcome": "finished", "seconds": 1.0, "dual_value": None, "diagnosis": None}
        for seed, version in ((0, 1), (1, 1), (1, 2))
    ]
    for name, part in {"a": rows[:1], "b": rows[2:], "c": rows[1:2]}.items():
        write(tmp_path / f"{name}.json", part)
    files = [tmp_path / f"{name}.json" for name in "abc"]
    for order in (files, files[::-1]):
        kept = read_all(order)
        assert {(row["seed"], row["metric_version"]) for row in kept} == {(0, 1), (1, 2)}
        assert len(kept) == 2
