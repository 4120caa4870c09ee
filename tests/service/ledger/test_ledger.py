"""The ledger only grows, each row vouches for the one before, and nothing is recorded twice."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DatabaseError

from w1bench.errors import CheckFailedError
from w1bench_server.database import connection as database
from w1bench_server.database.tables import idempotency_keys
from w1bench_server.errors import KeyReusedError, UnknownSubmissionError
from w1bench_server.ledger.chain import GENESIS, check_chain
from w1bench_server.ledger.idempotency import MOST_KEYS
from w1bench_server.ledger.ledger import Ledger, known_record
from w1bench_server.ledger.records import Entry, Rescore, Retraction, content
from w1bench_server.settings import Settings

DATABASES = ("sqlite", "postgresql")
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
    assert [row.event for row in rows] == [record.entry for record, _ in appended] == entries
    assert [row.seq for row in rows] == [1, 2, 3]
    assert rows[0].previous == GENESIS
    assert [row.previous for row in rows[1:]] == [row.hash for row in rows[:-1]]
    assert all(hashlib.sha256(row.document.encode()).hexdigest() == row.hash for row in rows)
    check_chain(rows)
    assert ledger.find("b") == appended[1][0] == Ledger(ledger.engine).find("b")
    assert list(ledger.records()) == ["a", "b", "c"]
    with pytest.raises(UnknownSubmissionError):
        ledger.find("z")
    metric = ledger.find("a").score.card.metrics["cos"]
    assert metric is not None
    assert metric.value == 0.5


def test_another_server_s_rows_are_seen(ledger: Ledger, make_entry: Make) -> None:
    other = Ledger(ledger.engine)
    for name in "ab":
        other.append(make_entry(name))
        assert list(ledger.records())[-1] == name


def test_a_retraction_is_a_row_and_the_first_one_counts(ledger: Ledger, make_entry: Make) -> None:
    for name in "ab":
        ledger.append(make_entry(name))
    first = ledger.retract(Retraction("a", "2030-01-02T00:00:00.000+00:00", "ann", "a mistake"))
    assert first.retraction is not None
    assert ledger.retract(Retraction("a", "2030-01-03T00:00:00.000+00:00", "pat", "another")) == first
    assert ledger.find("a") == first
    assert ledger.find("b").retraction is None
    assert [row.kind for row in ledger.rows()] == ["submission", "submission", "retraction"]
    assert ledger.append(replace(make_entry("a"), id="c")) == (first, False)  # the same content stays retracted
    with pytest.raises(UnknownSubmissionError):
        ledger.retract(Retraction("z", "", "ann", ""))
    check_chain(ledger.rows())


def test_a_new_metric_version_s_score_stands_beside_the_old_one(ledger: Ledger, make_entry: Make) -> None:
    old = make_entry("a", cos=0.5)
    ledger.append(old)
    card = make_entry("a", cos=0.6).scorecard.replace('"metric_version":1', '"metric_version":2')
    event = Rescore("a", "2030-01-02T00:00:00.000+00:00", "9", card)
    record = ledger.rescore(event, resampled=b"values")
    assert [score.scorecard for score in record.scores] == [old.scorecard, card]
    assert record.score.resamples is not None
    assert ledger.resampled(record.score.resamples) == b"values"
    assert ledger.rescore(replace(event, scorer="10"), resampled=b"others") == record  # two servers, one row
    assert ledger.find("a") == record
    check_chain(ledger.rows())


def test_a_prefix_tells_what_was_known_then(ledger: Ledger, make_entry: Make) -> None:
    ledger.append(make_entry("a"))
    ledger.append(replace(make_entry("b"), submitted_at="2030-01-02T00:00:00.000+00:00"))
    ledger.retract(Retraction("a", "2030-01-03T00:00:00.000+00:00", "ann", "a mistake"))
    assert [list(ledger.records(as_of=seq)) for seq in range(4)] == [[], ["a"], ["a", "b"], ["a", "b"]]
    assert ledger.records(as_of=2)["a"].retraction is None
    assert ledger.records(as_of=99) == ledger.records()
    assert list(ledger.records(as_of=datetime(2030, 1, 1, 12, tzinfo=UTC))) == ["a"]
    assert ledger.records(as_of=datetime(2030, 1, 2, tzinfo=UTC)) == ledger.records(as_of=2)
    assert ledger.records(as_of=datetime(2030, 1, 4, tzinfo=UTC)) == ledger.records()


def test_a_clock_that_runs_behind_does_not_turn_back_time(ledger: Ledger, make_entry: Make) -> None:
    ledger.append(make_entry("a"))
    ledger.append(replace(make_entry("b"), submitted_at="2029-01-01T00:00:00.000+00:00"))
    first, second = ledger.rows()
    assert second.at == first.at == ledger.find("b").entry.submitted_at


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
    with database.writing(ledger.engine) as connection:
        assert known_record(connection, content(first.entry), "l") == first  # the second key now stands for it too
    for key in ("k", "l"):
        with pytest.raises(KeyReusedError, match="a new key"):
            ledger.append(make_entry("b"), key=key)
        with pytest.raises(KeyReusedError), database.writing(ledger.engine) as connection:
            known_record(connection, content(make_entry("b")), key)
    assert ledger.append(make_entry("c", user="bob"), key="k")[1]
    assert len(ledger.rows()) == 2


def test_the_keys_of_a_user_are_bounded_and_the_oldest_go(ledger: Ledger, make_entry: Make) -> None:
    first, _ = ledger.append(make_entry("a"), key="first")
    ledger.append(make_entry("b", user="bob"), key="first")
    with database.writing(ledger.engine) as connection:
        for number in range(MOST_KEYS + 5):
            assert known_record(connection, content(first.entry), f"{number}") == first
    with ledger.engine.connect() as connection:
        of_users = select(idempotency_keys.c.user, func.count()).group_by(idempotency_keys.c.user)
        assert sorted(tuple(row) for row in connection.execute(of_users)) == [("ann", MOST_KEYS), ("bob", 1)]
    for key in ("5", f"{MOST_KEYS + 4}"):
        with pytest.raises(KeyReusedError):
            ledger.append(make_entry("c"), key=key)
    for number, key in enumerate(("first", "4")):
        assert ledger.append(make_entry(f"new{number}"), key=key)[1]


@pytest.mark.parametrize("change", ["UPDATE ledger SET kind = 'better'", "DELETE FROM ledger", "TRUNCATE ledger"])
def test_the_database_itself_refuses_changes(ledger: Ledger, make_entry: Make, change: str) -> None:
    ledger.append(make_entry("a"))
    refused = (
        "append-only" if "TRUNCATE" not in change or ledger.engine.dialect.name == "postgresql" else "syntax error"
    )
    with pytest.raises(DatabaseError, match=refused), database.writing(ledger.engine) as connection:
        connection.execute(text(change))
    check_chain(ledger.rows())


def test_every_change_of_the_rows_breaks_the_chain(ledger: Ledger, make_entry: Make) -> None:
    for name in "abc":
        ledger.append(make_entry(name, cos=0.5))
    rows = ledger.rows()
    check_chain([])
    better = replace(rows[1], document=rows[1].document.replace("0.5", "0.9"))
    rehashed = replace(better, hash=hashlib.sha256(better.document.encode()).hexdigest())
    broken = (
        [rows[0], better, rows[2]],
        [rows[0], rehashed, rows[2]],
        [rows[0], rows[2]],
        rows[1:],
        [rows[1], rows[0], rows[2]],
        [rows[0], rows[0], rows[1]],
        [rows[0], replace(rows[2], seq=2)],
        [rows[0], replace(rows[1], hash="0" * 64), rows[2]],
        *([rows[0], replace(rows[1], document=text), rows[2]] for text in ("{", "[]", '{"seq":2}')),
        *(
            [rows[0], replace(rows[1], **{column: "x"}), rows[2]]
            for column in ("kind", "submission", "user", "content", "pair", "sealed", "clock")
        ),
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
    assert {row.submission for row in rows} == {entry.id for entry in entries}
    check_chain(rows)


APPENDING = """
import sys
from pathlib import Path
from w1bench_server.database import connection as database
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.ledger.records import Entry
from w1bench_server.ledger.records import Retraction
from w1bench_server.settings import Settings

settings, first, count = Settings.model_validate_json(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
with database.opened(settings) as engine:
    ledger = Ledger(engine)
    print("ready", flush=True)
    sys.stdin.readline()
    for i in range(first, first + count):
        entry = Entry(f"{i}", "p", "d", "m", "u", f"{i}", 1, "2030-01-01T00:00:00.000+00:00", "0", "{}")
        print(ledger.append(entry, resampled=b"same", key=f"k{i}")[1], flush=True)
        if i % 10 == 0:
            ledger.retract(Retraction(f"{i}", "", "u", "every tenth"))
"""


def test_processes_that_append_at_once_lose_and_double_nothing(ledger: Ledger, settings: Settings) -> None:
    processes, count, step = 3, 60, 30  # each begins where half of the one before lies: half of all is asked for twice
    commands = [
        [sys.executable, "-c", APPENDING, settings.model_dump_json(), str(i * step), str(count)]
        for i in range(processes)
    ]
    running = [subprocess.Popen(c, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for c in commands]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    outputs = []
    with ThreadPoolExecutor(processes) as threads:  # all are told to begin, then read
        outputs = list(threads.map(lambda process: process.communicate("go\n", timeout=60)[0], running))
    assert [process.returncode for process in running] == [0] * processes
    ids = {str(i) for i in range((processes - 1) * step + count)}
    assert sum(output.split().count("True") for output in outputs) == len(ids)
    rows = ledger.rows()
    check_chain(rows)
    assert sorted(row.submission for row in rows if row.kind == "submission") == sorted(ids)
    assert sorted(row.submission for row in rows if row.kind == "retraction") == sorted(
        i for i in ids if int(i) % 10 == 0
    )
