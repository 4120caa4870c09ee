"""A board is computed once while nothing happens on its pair, and what is shown of it comes in parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sqlalchemy import event

from w1bench_server.database import connection as database
from w1bench_server.leaderboard.boards import Board, Boards, View
from w1bench_server.leaderboard.parts import part
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.ledger.records import Entry, Retraction
from w1bench_server.pairs.catalogue import PublishedPairs
from w1bench_server.settings import Settings
from w1bench_server.submissions.redaction import PublicRecords

DATABASES = ("sqlite", "postgresql")


def test_a_board_is_computed_once_while_nothing_happens(settings: Settings, make_entry: Callable[..., Entry]) -> None:
    with database.opened(settings) as engine:
        ledger = Ledger(engine)
        boards = Boards(PublicRecords(ledger, PublishedPairs(settings.archive)))
        for name in "ab":
            ledger.append(make_entry(name, method=name, cos=0.5, pair=name))
        before = boards.view()
        first = before.standings
        ledger.append(make_entry("c", method="c", cos=0.6, pair="b"))
        second = boards.view().standings
        assert second[0] is first[0]
        assert before.standings == first
        assert [(s.rank, s.record.entry.id) for s in second] == [(1, "a"), (1, "c"), (2, "b")]
        assert [s.record.entry.id for s in boards.view(as_of=2).standings] == ["a", "b"]
        assert boards.view().standings == second
        assert [s.record.entry.id for s in boards.view(pairs={"b"}).standings] == ["c", "b"]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # which says what it runs
def test_no_request_reads_the_whole_ledger(settings: Settings, make_entry: Callable[..., Entry]) -> None:
    """After the first one, which has to; neither for the board now, nor for the board as it was."""
    with database.opened(settings) as engine:
        ledger = Ledger(engine)
        boards = Boards(PublicRecords(ledger, PublishedPairs(settings.archive)))
        for number in range(40):
            resampled = np.full((1, 1000), number / 40.0).tobytes()
            entry = make_entry(f"{number}", method=f"{number}", cos=number / 40, pair="ab"[number % 2])
            ledger.append(entry, resampled=resampled)
        assert len(boards.view().standings) == 40
        read: list[str] = []
        opened: list[str] = []

        @event.listens_for(engine, "connect")
        def trace(connection: Any, _record: object) -> None:
            connection.set_trace_callback(note)

        def note(statement: str) -> None:
            if statement.startswith("SELECT") and "FROM ledger" in statement:
                read.append(statement)
            if "FROM resamples" in statement:
                opened.append(statement)

        engine.dispose()  # so that all connections are traced
        ledger.append(make_entry("40", method="40", cos=0.501, pair="a"), resampled=np.full((1, 1000), 0.501).tobytes())
        ledger.retract(Retraction("39", "2030-01-01T00:00:00.000+00:00", "ann", "a mistake"))
        read.clear()
        opened.clear()
        assert len(boards.view(pairs={"a"}).standings) == 21
        assert [statement.partition("WHERE")[2].split() for statement in read] == [
            ["ledger.seq", ">", "40", "ORDER", "BY", "ledger.seq"]
        ]
        assert len(opened) <= 3  # the new row and its neighbours
        read.clear()
        assert [s.record.retraction for s in boards.view(pairs={"b"}, as_of=40).standings] == [None] * 20
        assert len([statement for statement in read if "ledger.seq > 42" not in statement]) == 1
        assert "ledger.submission IN ('39')" in read[-1]


def test_parts_follow_each_other_and_compute_no_other_board(
    settings: Settings, make_entry: Callable[..., Entry]
) -> None:
    with database.opened(settings) as engine:
        ledger = Ledger(engine)
        boards = Boards(PublicRecords(ledger, PublishedPairs(settings.archive)))
        for number in range(12):
            ledger.append(make_entry(f"{number}", method=f"{number}", cos=number / 40, pair="abc"[number % 3]))
        ledger.retract(Retraction("11", "2030-01-01T00:00:00.000+00:00", "ann", "a mistake"))
        view = boards.view()
        asked: list[str] = []

        def board(pair: str) -> Board:
            asked.append(pair)
            return view.board(pair)

        for limit in range(1, 14):
            found, position = [part(View(view.as_of, view.pairs, board), limit=limit)], None
            assert asked == view.pairs[: (limit + 3) // 4]
            while position := found[-1].next:
                found.append(part(view, limit=limit, start=position))
            assert all(len(each.standings) + len(each.retracted) == limit for each in found[:-1])
            assert [s for each in found for s in each.standings] == view.standings
            assert [r.entry.id for each in found for r in each.retracted] == ["11"]
            asked.clear()
