"""A board is computed once while nothing happens on its pair."""

from __future__ import annotations

from collections.abc import Callable

from w1bench_server.database import connection as database
from w1bench_server.leaderboard.boards import Boards
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.ledger.records import Entry
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
        first = boards.view().standings
        ledger.append(make_entry("c", method="c", cos=0.6, pair="b"))
        second = boards.view().standings
        assert second[0] is first[0]
        assert [(s.rank, s.record.entry.id) for s in second] == [(1, "a"), (1, "c"), (2, "b")]
        assert [s.record.entry.id for s in boards.view(as_of=2).standings] == ["a", "b"]
        assert boards.view().standings == second
        assert [s.record.entry.id for s in boards.view(pairs={"b"}).standings] == ["c", "b"]
