"""The leaderboard is a pure function of the ledger's rows: best first, the newest row of a method and user, no rank without a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.boards import standings
from w1bench.scoring.metrics import METRICS, RANKING
from w1bench_server.leaderboard.comparison import Compared
from w1bench_server.leaderboard.ranking import Average, Standing, averages
from w1bench_server.ledger.records import REFERENCE_USER, Entry, Record, Retraction, Score, fold

Make = Callable[..., Entry]


def rows(*entries: Entry | Retraction) -> list[Record]:
    """The records of a ledger."""
    return list(fold({}, enumerate(entries, 1)).values())


def shown(board: list[Standing]) -> list[tuple[int | None, str]]:
    return [(standing.rank, standing.record.entry.id) for standing in board]


def test_higher_cos_and_lower_l2_lead(make_entry: Make) -> None:
    ledger = rows(make_entry("a", method="a", cos=0.2, l2=0.1), make_entry("b", method="b", cos=0.9, l2=0.5))
    assert shown(standings(ledger)) == [(1, "b"), (2, "a")]
    assert shown(standings(ledger, metric="l2")) == [(1, "a"), (2, "b")]


def test_only_the_newest_row_of_a_method_and_user_ranks(make_entry: Make) -> None:
    """Not the best of many tries, and a fuller submission is seen; how many tries there were is said."""
    ledger = rows(
        make_entry("a", cos=0.9, l2=0.1),
        make_entry("d", cos=0.5, l2=0.4, user="bob"),
        make_entry("e", cos=0.1, l2=0.5, method="other"),
        make_entry("b", cos=0.8, l2=0.2, dev=1.0),
        make_entry("f", cos=0.99, l2=0.01, pair="another"),
    )
    for metric in RANKING:
        board = standings(ledger[:-1], metric=metric)
        assert shown(board) == [(1, "b"), (2, "d"), (3, "e")]
        assert [standing.tries for standing in board] == [2, 1, 1]
    assert standings(ledger[:-1], metric="dev")[0].record.entry.id == "b"
    back = Retraction("b", "2030-01-02T00:00:00.000+00:00", "ann", "a mistake")
    again = standings(rows(*(record.entry for record in ledger[:-1]), back))
    assert [(standing.record.entry.id, standing.tries) for standing in again] == [("a", 2), ("d", 1), ("e", 1)]


def test_many_names_of_one_user_push_nobody_down(make_entry: Make) -> None:
    """Ranks count users, by their best rows, and reference methods, each of which is a line of its own."""
    references = [
        make_entry(name, user=REFERENCE_USER, method=name, cos=cos) for name, cos in {"lp": 0.8, "gp": 0.7}.items()
    ]
    names = [make_entry(f"{n}", user="ann", method=f"{n}", cos=0.9 + n / 1000) for n in range(20)]
    others = [make_entry("bob", user="bob", cos=0.6), make_entry("late", user="ann", method="late", cos=0.1)]
    board = standings(rows(*references, *names, *others))
    assert shown(board)[0] == (1, "19")
    assert shown(board)[1:20] == [(2, f"{n}") for n in reversed(range(19))]
    assert shown(board)[20:] == [(2, "lp"), (3, "gp"), (4, "bob"), (5, "late")]
    ranked = [(average.rank, average.method) for average in averages(board)]
    assert [found for found in ranked if found[1] in ("19", "lp", "gp", "mine", "late")] == [
        (1, "19"), (2, "lp"), (3, "gp"), (4, "mine"), (5, "late"),
    ]  # fmt: skip


def test_a_further_name_in_between_does_not_break_a_tie(make_entry: Make) -> None:
    values = {"a": 0.9, "a2": 0.88, "b": 0.86}
    entries = [make_entry(name, user=name[0], method=name, cos=value) for name, value in values.items()]

    def opened(score: Score) -> Compared:
        cos = score.card.metrics["cos"]
        assert cos is not None
        noise = np.random.default_rng(round(1000 * cos.value)).normal(0, 0.01, 1000)
        return Compared(score.card, {"cos": cos.value + noise})

    board = standings(rows(*entries), opened=opened)
    assert [(s.rank, s.tied, s.record.entry.id) for s in board] == [(1, True, "a"), (1, True, "a2"), (1, True, "b")]


def test_equals_share_a_rank_in_the_order_they_came(make_entry: Make) -> None:
    scores = {"a": 0.5, "b": 0.9, "c": 0.5, "d": 0.1}
    ledger = rows(*(make_entry(name, user=name, cos=value) for name, value in scores.items()))
    assert shown(standings(ledger)) == [(1, "b"), (2, "a"), (2, "c"), (4, "d")]


def test_rows_without_the_metric_come_last_without_a_rank(make_entry: Make) -> None:
    ledger = rows(make_entry("a", method="a", cos=0.9), make_entry("b", method="b", cos=0.1, l2=1.0, dev=50.0))
    for metric in ("l2", "dev"):
        assert [name for _, name in shown(standings(ledger, metric=metric))] == ["b", "a"]
        assert standings(ledger, metric=metric)[-1].rank is None


def test_dev_orders_but_never_ranks(make_entry: Make) -> None:
    ledger = rows(make_entry("a", method="a", cos=0.9, dev=5.0), make_entry("b", method="b", cos=-0.9, dev=0.0))
    assert shown(standings(ledger, metric="dev")) == [(2, "b"), (1, "a")]


def test_an_estimate_is_better_the_nearer_to_w1(make_entry: Make) -> None:
    estimates = {"a": 1.0, "b": 2.5, "c": 1.9}  # W1 is 2
    ledger = rows(*(make_entry(n, method=n, cos=0.5, w1_estimate=v) for n, v in estimates.items()))
    assert [name for _, name in shown(standings(ledger, metric="w1_estimate"))] == ["c", "b", "a"]


def test_boards_are_by_pair_and_of_the_pair_as_it_is_now(make_entry: Make) -> None:
    ledger = rows(
        make_entry("a", pair="z", cos=0.9, digest="1" * 64),
        make_entry("b", pair="y", cos=0.1),
        make_entry("c", pair="z", cos=0.2, digest="2" * 64),
    )
    assert shown(standings(ledger)) == [(1, "b"), (1, "c")]
    assert shown(standings(ledger[:2])) == [(1, "b"), (1, "a")]  # a prefix is the board as it was


def test_what_was_retracted_does_not_rank_and_the_next_best_does(make_entry: Make) -> None:
    best, second = make_entry("a", cos=0.9), make_entry("b", cos=0.5)
    back = Retraction("a", "2030-01-02T00:00:00.000+00:00", "ann", "a mistake")
    assert shown(standings(rows(best, second, back))) == [(1, "b")]
    assert shown(standings(rows(best, back))) == []


def test_a_method_s_average_is_over_the_pairs_that_it_entered(make_entry: Make) -> None:
    scores = {"x": {"lp": 0.9, "gp": 0.5, "wc": 0.1}, "y": {"lp": 0.2, "gp": 0.3}, "z": {"new": 0.3}}
    entries = [
        make_entry(f"{pair}{name}", pair=pair, user=name, cos=cos)
        for pair, board in scores.items()
        for name, cos in board.items()
    ]
    ranked = averages(standings(rows(*entries, make_entry("n", user="none", pair="z"))))
    assert ranked == [
        Average(None, "mine", "gp", 1.5, 2), Average(None, "mine", "lp", 1.5, 2), Average(None, "mine", "new", 1.0, 1), Average(None, "mine", "wc", 3.0, 1),
    ]  # fmt: skip
    ranked = averages(standings(rows(*(entry for entry in entries if entry.pair != "z"))))
    assert [(row.rank, row.user) for row in ranked] == [(1, "gp"), (1, "lp"), (None, "wc")]


def test_skill_is_averaged_over_families_and_controls_count_in_no_mean(make_entry: Make) -> None:
    skills = {"x1": 0.2, "x2": 0.4, "y1": 0.9, "ball": 1.0}
    entries = [make_entry(f"{user}{pair}", pair=pair, user=user, cos=skill + off, skill=skill + off) for pair, skill in skills.items()
               for user, off in (("ann", 0.0), ("bob", -0.1))]  # fmt: skip
    records = [
        replace(
            entry, scorecard=entry.score.card.model_copy(update={"control": entry.pair == "ball"}).model_dump_json()
        )
        for entry in entries
    ]
    ann, bob = averages(standings(rows(*records)), {"x1": "x", "x2": "x", "y1": "y", "ball": "ball"})
    assert (ann.rank, ann.pairs, ann.families, ann.worst_family, ann.worst_skill) == (1, 3, 2, "x", pytest.approx(0.3))
    assert ann.skill == pytest.approx((0.3 + 0.9) / 2)
    assert (bob.rank, bob.skill) == (2, pytest.approx(0.5))
    (alone, _) = averages(standings(rows(*(entry for entry in records if entry.pair == "ball"))))
    assert (alone.rank, alone.pairs) == (1, 1)


@pytest.mark.parametrize("metric", METRICS)
@given(scores=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([None, 0.0, 0.5, 1.0])), max_size=12))
def test_laws(make_entry: Make, metric: str, scores: list[tuple[str, float | None]]) -> None:
    metrics = [{name: v for name, v in {"cos": 0.5, metric: value}.items() if v is not None} for _, value in scores]
    ledger = rows(*(make_entry(str(i), method=scores[i][0], **metrics[i]) for i in range(len(scores))))
    board = standings(ledger, metric=metric)
    assert standings(ledger, metric=metric) == board
    assert {s.record.entry.method for s in board} == {method for method, _ in scores}
    assert len(board) == len({s.record.entry.method for s in board})
    if metric in RANKING:
        ranks = [s.rank for s in board if s.rank is not None]
        assert ranks == sorted(ranks)
        assert ranks[:1] in ([], [1])
    assert all((s.rank is None) == (s.card.metrics.get(metric) is None) for s in board)
