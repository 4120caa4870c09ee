"""Cells of made-up rows: the longest budget, the newest metric version, the families of old rows, and skill from any row's trivial critics."""

from __future__ import annotations

from math import isnan

import pytest

from support.rows import made_row
from w1bench.trials.comparison.agreement import rank_correlation
from w1bench.trials.comparison.cells import cells, families_of

FUNNEL, LATE = "hd-d16-n64-p8", "late-d16-n64-e10"


def test_the_longest_budget_counts_and_a_figure_is_a_mean_over_its_seeds() -> None:
    rows = [made_row("LP", FUNNEL, cos=0.9, seed=seed) for seed in range(3)]
    rows += [made_row("LP", FUNNEL, cos=cosine, seed=seed, steps=5000) for seed, cosine in enumerate((0.5, 0.7))]
    rows += [made_row("LP", FUNNEL, cos=0.1, steps=5000, data="train")]
    (cell,) = cells(rows)
    assert (cell.method, cell.pair, cell.steps, cell.dimension) == ("LP", FUNNEL, 5000, 16)
    assert cell.cos == cell.mean("cos") == pytest.approx(0.6)
    assert cell.sample("cos").seed_deviation == pytest.approx(0.1 * 2**0.5)
    (cell,) = cells(rows, seeds=3)
    assert (cell.steps, cell.cos) == (500, pytest.approx(0.9))
    assert cells(rows, seeds=4) == []


def test_a_longer_row_that_lacks_a_metric_or_diverged_leaves_the_shorter_one() -> None:
    rows = [made_row("LP", FUNNEL, cos=0.5, dev=5.0), made_row("LP", FUNNEL, cos=0.6, steps=900)]
    rows.append(made_row("LP", FUNNEL, steps=5000))  # without metrics
    assert [cell.steps for cell in cells(rows)] == [900]
    assert [cell.steps for cell in cells(rows, ("dev",))] == [500]


def test_of_a_seed_the_newest_metric_version_counts() -> None:
    rows = [
        made_row("LP", FUNNEL, cos=0.5, version=2, slope=1.2),
        made_row("LP", FUNNEL, cos=0.4, version=1, slope=9.0),
    ]
    (cell,) = cells(rows)
    assert (cell.cos, cell.slope) == (0.5, 1.2)


def test_a_family_is_what_a_row_says_or_that_of_the_laws_recipe() -> None:
    rows = [
        made_row("LP", FUNNEL, cos=0.5),
        made_row("LP", LATE, cos=0.5),
        made_row("LP", "mine", family="smooth", cos=0.5),
    ]
    assert families_of(rows) == {FUNNEL: "funnel", LATE: "late", "mine": "smooth"}


def test_skill_is_beyond_the_trivial_critics_that_any_row_of_the_pair_names() -> None:
    rows = [made_row("LP", FUNNEL, cos=0.6, version=1), made_row("WC", FUNNEL, cos=0.1, trivial=0.2)]
    assert [cell.skill for cell in cells(rows)] == pytest.approx([-0.125, 0.5])
    assert [cell.skill for cell in cells(rows[:1])] == [None]
    assert [cell.skill for cell in cells([made_row("LP", "ball-d16-p8", family="ball", cos=0.6, trivial=0.2)])] == [
        None
    ]
    assert [cell.skill for cell in cells([made_row("LP", FUNNEL, cos=0.6, trivial=0.995)])] == [None]
    assert [cell.skill for cell in cells([made_row("LP", FUNNEL, cos=0.6, trivial=-0.5)])] == [
        0.6
    ]  # zero is trivial, too


def test_a_curve_is_a_mean_over_seeds_that_have_one() -> None:
    rows = [
        made_row("LP", FUNNEL, cos=0.5, seed=seed, curve=curve)
        for seed, curve in enumerate(((0.1, 0.3), (0.3, 0.5), ()))
    ]
    (cell,) = cells(rows)
    assert cell.curve == [(1, pytest.approx(0.2)), (2, pytest.approx(0.4))]
    assert cells([made_row("LP", FUNNEL, cos=0.5)])[0].curve == []


def test_rank_correlation_is_of_orders_and_none_without_an_order() -> None:
    assert rank_correlation([1, 2, 3], [1, 20, 300]) == pytest.approx(1)
    assert rank_correlation([1, 2, 2, 3], [3, 2, 2, 1]) == pytest.approx(-1)
    assert isnan(rank_correlation([1, 1, 1], [1, 2, 3]))
