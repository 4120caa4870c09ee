"""Rows beside the published figures: orders, differences, and who stands the other way round."""

from __future__ import annotations

from typing import Any

import pytest

from w1bench.errors import InputError
from w1bench.trials.comparison.agreement import agreement
from w1bench.trials.results import published_figures

LAWS = ("hd-d2-n4-p8", "hd-d16-n64-p8")
METHODS = ("WC", "GP", "LP", "SN", "DOT")


def row(law: str, method: str, cos: float, *, steps: int = 100, seed: int = 0) -> dict[str, Any]:
    return {
        "law": law, "pair": law, "method": method, "seed": seed, "recipe_sha256": "0" * 64, "data": "fresh", "settings": {"steps": steps}, "steps": steps,
        "metrics": {"cos": {"value": cos, "low": cos, "high": cos}},
    }  # fmt: skip


def theirs(law: str, method: str) -> float:
    return published_figures()[law][method]["cos"]


def test_the_published_figures_agree_with_themselves() -> None:
    found = agreement(row(law, method, theirs(law, method)) for law in LAWS for method in METHODS)
    assert found.spearman() == pytest.approx(1)
    assert [found.spearman(law) for law in LAWS] == pytest.approx([1, 1])
    assert found.inverted[0] == []
    assert found.inverted[1] > 5
    assert set(found.difference.values()) == {0.0}
    reversed_ = agreement(row(law, method, -theirs(law, method)) for law in LAWS for method in METHODS)
    assert reversed_.spearman() == pytest.approx(-1)
    assert len(reversed_.inverted[0]) == reversed_.inverted[1] == found.inverted[1]


def test_differences_that_cancel_are_a_distance_all_the_same() -> None:
    found = agreement(row(law, "WC", theirs(law, "WC") + sign * 0.1) for law, sign in zip(LAWS, (1, -1), strict=True))
    assert found.difference["WC"] == pytest.approx(0)
    assert found.distance["WC"] == found.document()["distance"]["WC"] == pytest.approx(0.1)


def test_the_longest_budget_counts_and_seeds_are_a_mean() -> None:
    law = LAWS[0]
    rows = [row(law, method, theirs(law, method)) for method in METHODS]
    rows += [row(law, "WC", theirs(law, "DOT") + 0.1 * k, steps=500, seed=k) for k in range(3)]
    found = agreement([*rows, row(law, "KR", 0.9), row("shift-d128", "WC", 0.9)])  # of which nothing was published
    assert found.ours[law]["WC"] == pytest.approx(theirs(law, "DOT") + 0.1)
    assert set(found.ours[law]) == set(METHODS)
    assert (law, "DOT", "WC") in found.inverted[0]
    assert f"- {law}: DOT before WC as published" in str(found)
    with pytest.raises(InputError, match="D = 2, 16 or 128"):
        agreement([row("shift-d128", "WC", 0.9)])
