"""The ledger only grows, each row vouches for the one before, and nothing is recorded twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from w1bench.errors import CheckFailedError
from w1bench_server import database
from w1bench_server.ledger import GENESIS, Entry, KeyReusedError, Ledger, check_chain
from w1bench_server.settings import Settings

Make = Callable[..., Entry]


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    with database.opened(settings) as engine:
        yield Ledger(engine)


def test_what_is_appended_is_found_in_its_order(ledger: Ledger, make_entry: Make) -> None:
    entries = [make_entry("a", cos=0.5), make_entry("b", pair="another"), make_entry("c", user="bob")]
    appended = [ledger.append(entry) for entry in entries]
    assert all(created for _, created in appended)
    rows = ledger.rows()
    assert rows == [row for row, _ in appended]
    assert [row.entry for row in rows] == entries
    assert [row.seq for row in rows] == [1, 2, 3]
    assert rows[0].previous == GENESIS
    assert [row.previous for row in rows[1:]] == [row.hash for row in rows[:-1]]
    check_chain(rows)
    assert ledger.find("b") == rows[1]
    assert ledger.find("z") is None
    assert ledger.rows(pair="another") == [rows[1]]
    metric = rows[0].card.metrics["cos"]
    assert metric is not None
    assert metric.value == 0.5


def test_the_same_content_is_the_same_row(ledger: Ledger, make_entry: Make) -> None:
    first, _ = ledger.append(make_entry("a"))
    again = replace(make_entry("a"), id="b", submitted_at="2031-01-01T00:00:00+00:00")
    assert ledger.append(again) == (first, False)
    others = ({"user": "bob"}, {"method": "theirs"}, {"pair_digest": "e" * 64}, {"sha256": "f" * 64})
    assert all(ledger.append(replace(again, **other, id=f"c{i}"))[1] for i, other in enumerate(others))
    assert len(ledger.rows()) == 5


def test_a_key_stands_for_one_content_of_one_user(ledger: Ledger, make_entry: Make) -> None:
    first, _ = ledger.append(make_entry("a"), key="k")
    assert ledger.append(replace(make_entry("a"), id="a2"), key="k") == (first, False)
    assert ledger.known(first.entry.content, key="l") == first  # the second key now stands for it too
    for key in ("k", "l"):
        with pytest.raises(KeyReusedError, match="a new key"):
            ledger.append(make_entry("b"), key=key)
        with pytest.raises(KeyReusedError):
            ledger.known(make_entry("b").content, key=key)
    assert ledger.append(make_entry("c", user="bob"), key="k")[1]
    assert len(ledger.rows()) == 2


@pytest.mark.parametrize("change", ["UPDATE submissions SET method = 'better'", "DELETE FROM submissions"])
def test_the_database_itself_refuses_changes(ledger: Ledger, make_entry: Make, change: str) -> None:
    ledger.append(make_entry("a"))
    with pytest.raises(DatabaseError, match="append-only"), database.writing(ledger.engine) as connection:
        connection.execute(text(change))
    check_chain(ledger.rows())


def test_every_change_of_the_rows_breaks_the_chain(ledger: Ledger, make_entry: Make) -> None:
    rows = [ledger.append(make_entry(name, cos=0.5))[0] for name in "abc"]
    check_chain([])
    better = replace(rows[1], entry=replace(rows[1].entry, scorecard=rows[1].entry.scorecard.replace("0.5", "0.9")))
    broken = (
        [rows[0], better, rows[2]],
        [rows[0], rows[2]],
        rows[1:],
        [rows[1], rows[0], rows[2]],
        [rows[0], rows[0], rows[1]],
        [rows[0], replace(rows[2], seq=2)],
        [rows[0], replace(rows[1], hash="0" * 64), rows[2]],
    )
    for changed in broken:
        with pytest.raises(CheckFailedError, match="broken at row"):
            check_chain(changed)
    check_chain(rows)


def test_threads_that_append_at_once_lose_and_double_nothing(ledger: Ledger, make_entry: Make) -> None:
    entries = [make_entry(f"{i:02}") for i in range(20)] * 2
    with ThreadPoolExecutor(20) as threads:
        done = list(threads.map(lambda entry: ledger.append(replace(entry)), entries))
    assert sum(created for _, created in done) == 20
    rows = ledger.rows()
    assert {row.entry.id for row in rows} == {entry.id for entry in entries}
    check_chain(rows)
