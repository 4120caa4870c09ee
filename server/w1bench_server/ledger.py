"""The ledger: every accepted submission, append-only; each row carries the hash of the one before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, insert, select

from w1bench.errors import CheckFailedError, W1BenchError
from w1bench.scorecard import Scorecard
from w1bench_server.database import idempotency_keys, submissions, writing

GENESIS = "0" * 64  # what the first row carries


@dataclass(frozen=True)
class Content:
    """What makes two submissions the same."""

    user: str
    pair_digest: str
    method: str
    sha256: str


@dataclass(frozen=True)
class Entry:
    """A submission as it is recorded; `scorecard` is its JSON, `scorer` the version of w1bench that made it."""

    id: str
    pair: str
    pair_digest: str
    method: str
    user: str
    sha256: str
    bytes: int
    submitted_at: str
    scorer: str
    scorecard: str
    reference: bool = False

    @property
    def content(self) -> Content:
        return Content(self.user, self.pair_digest, self.method, self.sha256)


@dataclass(frozen=True)
class Row:
    """An entry in its place in the chain."""

    seq: int
    entry: Entry
    previous: str
    hash: str

    @property
    def card(self) -> Scorecard:
        """The entry's scorecard."""
        return Scorecard.model_validate_json(self.entry.scorecard)


class KeyReusedError(W1BenchError):
    """An Idempotency-Key that came before with other content."""


@dataclass(frozen=True)
class Ledger:
    """The submissions of a database (see `database.opened`)."""

    engine: Engine

    def append(
        self, entry: Entry, *, key: str | None = None, admit: Callable[[Connection], None] = lambda _: None
    ) -> tuple[Row, bool]:
        """Record `entry` unless `admit` raises; returns its row and True, or the row of the same content and False.

        Raises:
            KeyReusedError: `key` came before with other content.
        """
        with writing(self.engine) as connection:
            if known := _known(connection, entry.content, key):
                return known, False
            admit(connection)
            row = _next(_last(connection), entry)
            connection.execute(insert(submissions).values(_columns(row)))
            _remember(connection, entry.user, key, entry.id)
            return row, True

    def known(self, content: Content, *, key: str | None = None) -> Row | None:
        """The row of the same content, if there is one; `key` stands for that content from then on.

        Raises:
            KeyReusedError: `key` came before with other content.
        """
        with writing(self.engine) as connection:
            return _known(connection, content, key)

    def find(self, identity: str) -> Row | None:
        """The row with an id."""
        with self.engine.connect() as connection:
            return _row(connection, submissions.c.id == identity)

    def rows(self, *, pair: str | None = None) -> list[Row]:
        """All rows, or those of one pair, in the order they came."""
        chosen = select(submissions).order_by(submissions.c.seq)
        if pair is not None:
            chosen = chosen.where(submissions.c.pair == pair)
        with self.engine.connect() as connection:
            return [_from_columns(row) for row in connection.execute(chosen).mappings()]


def check_chain(rows: Iterable[Row]) -> None:
    """Hold all rows of a ledger against their hashes.

    Raises:
        CheckFailedError: the first row that was changed, removed or put in.
    """
    last: Row | None = None
    for row in rows:
        needed = _next(last, row.entry)
        if row != needed:
            raise CheckFailedError(
                f"The ledger is broken at row {row.seq} (submission {row.entry.id}): it has hash {row.hash} after "
                f"{row.previous}, needed row {needed.seq} with {needed.hash} after {needed.previous}. Rows were changed "
                "or are missing; restore the database from a copy."
            )
        last = row


def _next(last: Row | None, entry: Entry) -> Row:
    seq, previous = (last.seq + 1, last.hash) if last else (1, GENESIS)
    content = json.dumps({"seq": seq, "previous": previous, **asdict(entry)}, sort_keys=True, separators=(",", ":"))
    return Row(seq, entry, previous, hashlib.sha256(content.encode()).hexdigest())


def _known(connection: Connection, content: Content, key: str | None) -> Row | None:
    same = (getattr(submissions.c, name) == value for name, value in asdict(content).items())
    row = _row(connection, *same)
    of_key = select(idempotency_keys.c.submission).where(
        idempotency_keys.c.user == content.user, idempotency_keys.c.key == key
    )
    promised = connection.execute(of_key).scalar() if key is not None else None
    if promised is None:
        if row:
            _remember(connection, content.user, key, row.entry.id)
        return row
    if row is None or row.entry.id != promised:
        raise KeyReusedError(
            f"This Idempotency-Key came before, with other content (submission {promised}); use a new key for a new "
            "submission, or send the same pair, method and body again."
        )
    return row


def _remember(connection: Connection, user: str, key: str | None, identity: str) -> None:
    if key is not None:
        connection.execute(insert(idempotency_keys).values(user=user, key=key, submission=identity))


def _last(connection: Connection) -> Row | None:
    found = connection.execute(select(submissions).order_by(submissions.c.seq.desc()).limit(1)).mappings().first()
    return _from_columns(found) if found else None


def _row(connection: Connection, *conditions: Any) -> Row | None:
    found = connection.execute(select(submissions).where(*conditions)).mappings().first()
    return _from_columns(found) if found else None


def _columns(row: Row) -> dict[str, Any]:
    return {"seq": row.seq, "previous": row.previous, "hash": row.hash, **asdict(row.entry)}


def _from_columns(columns: RowMapping) -> Row:
    values = dict(columns)
    seq, previous, digest = (values.pop(name) for name in ("seq", "previous", "hash"))
    return Row(seq, Entry(**values), previous, digest)
