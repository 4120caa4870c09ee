"""The ledger: an append-only log of what happened to submissions, each row naming the hash of the one before.

A row records that a submission was accepted, scored again or retracted, or that a sealed pair was revealed. Rows are never changed,
so that the rows up to any of them show the state at that time (see `records`).
"""

import hashlib
import json
import logging
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine, Select, bindparam, insert, select

from w1bench.errors import CheckFailedError, SubmissionError
from w1bench_server.database.connection import writing
from w1bench_server.database.tables import ledger, resamples
from w1bench_server.database.times import now, text_of
from w1bench_server.errors import UnknownSubmissionError
from w1bench_server.ledger.chain import GENESIS, Row, kind_of, row_of
from w1bench_server.ledger.idempotency import check_key, remember_key
from w1bench_server.ledger.records import Content, Entry, Event, Record, Rescore, Retraction, Reveal, content, fold
from w1bench_server.ledger.snapshot import Records, Snapshot

_RESAMPLES_AT_ONCE = 100
_IDS_AT_ONCE = 500
_log = logging.getLogger(__name__)
# Statements that every submission executes, made once: to write one down takes longer than to execute it.
_AFTER = select(ledger).where(ledger.c.seq > bindparam("after")).order_by(ledger.c.seq)
_LAST = select(ledger).order_by(ledger.c.seq.desc()).limit(1)
_OF_SUBMISSION = select(ledger).where(ledger.c.submission == bindparam("identity")).order_by(ledger.c.seq)
_OF_CONTENT = select(ledger.c.submission).where(ledger.c.content == bindparam("digest"))
_KEPT = select(resamples.c.sha256).where(resamples.c.sha256 == bindparam("digest"))
_ADD, _KEEP = insert(ledger), insert(resamples)


@dataclass
class _Reading:
    """What the rows that were read so far add up to; rows never change, so each is read once."""

    snapshot: Snapshot = field(default_factory=Snapshot)
    lock: Lock = field(default_factory=Lock)


@dataclass(frozen=True)
class Ledger:
    """The ledger of a database (see `database.opened`)."""

    engine: Engine
    _reading: _Reading = field(default_factory=_Reading, repr=False)

    def append(
        self,
        entry: Entry,
        *,
        resampled: bytes | None = None,
        key: str | None = None,
        admit: Callable[[Connection], None] = lambda _: None,
    ) -> tuple[Record, bool]:
        """Record `entry` unless `admit` raises; returns its record and True, or the record of the same content and False.

        `resampled` holds its metrics over the bootstrap's resamples (see `comparison`).

        Raises:
            KeyReusedError: `key` was used before with other content.
            SubmissionError: the pair was revealed.
        """
        with writing(self.engine) as connection:
            if before := known_record(connection, content(entry), key):
                return before, False
            if not entry.reference:
                check_round(connection, entry.pair_digest)
            admit(connection)
            _append(connection, replace(entry, resamples=_keep(connection, resampled)))
            remember_key(connection, entry.user, key, entry.id)
            return _record(connection, entry.id), True

    def rescore(self, event: Rescore, *, resampled: bytes) -> Record:
        """Record a new score, unless another server has done so meanwhile; returns the submission's record.

        Raises:
            UnknownSubmissionError: there is no such submission.
        """
        with writing(self.engine) as connection:
            score = _record(connection, event.submission).score
            if score.resamples is None or score.card.metric_version < event.score.card.metric_version:
                _append(connection, replace(event, resamples=_keep(connection, resampled)))
            return _record(connection, event.submission)

    def retract(self, event: Retraction) -> Record:
        """Retract a submission; returns its record. A second retraction changes nothing; raises as `rescore`."""
        with writing(self.engine) as connection:
            if _record(connection, event.submission).retraction is None:
                _append(connection, event)
            return _record(connection, event.submission)

    def record_reveal(self, pair: str, digest: str) -> None:
        """Record that the truth of a sealed pair is public, unless that is recorded already."""
        event = Reveal(pair, digest, now())
        with self.engine.connect() as connection:
            if _is_recorded(connection, event):
                return
        with writing(self.engine) as connection:
            if not _is_recorded(connection, event):
                _append(connection, event)

    def rows(self, *, after: int = 0) -> list[Row]:
        """The rows after a sequence number, in their order."""
        with self.engine.connect() as connection:
            return _rows(connection, _AFTER, after=after)

    def snapshot(self, connection: Connection | None = None) -> Snapshot:
        """The submissions now, or as a transaction sees them before it writes. Only rows that are new since the last time are read."""
        if connection is None:
            with self.engine.connect() as own:
                return self.snapshot(own)
        with self._reading.lock:  # after the connection: whoever holds the lock must not wait for one
            if rows := _rows(connection, _AFTER, after=self._reading.snapshot.seq):
                self._reading.snapshot = self._reading.snapshot.after(rows)
            return self._reading.snapshot

    def records(self, *, as_of: int | datetime | None = None) -> Records:
        """The submissions by their ids, oldest first, now or at an earlier number or time."""
        now = self.snapshot()
        return now.records if as_of is None else self.past(now.records, self.seq_at(as_of))

    def seq_at(self, as_of: int | datetime) -> int:
        """The number of the last row at a number or time; 0 before the first."""
        last = self.snapshot().seq
        if isinstance(as_of, int):
            return min(as_of, last)
        with self.engine.connect() as connection:
            of = select(ledger.c.at).where(ledger.c.seq == bindparam("seq"))
            return bisect_right(
                range(1, last + 1), text_of(as_of), key=lambda seq: connection.execute(of, {"seq": seq}).scalar_one()
            )

    def past(self, records: Records, seq: int) -> Records:
        """Records as they were after row `seq`; of the rows, only those of submissions that changed since are read."""
        known = {identity: record for identity, record in records.items() if record.seq <= seq}
        changed = [identity for identity, record in known.items() if record.last > seq]
        for start in range(0, len(changed), _IDS_AT_ONCE):
            of_some = ledger.c.submission.in_(changed[start : start + _IDS_AT_ONCE])
            rows = select(ledger).where(of_some, ledger.c.seq <= seq).order_by(ledger.c.seq)
            with self.engine.connect() as connection:
                known |= _folded(_rows(connection, rows))
        return known

    def find(self, identity: str) -> Record:
        """The record of an id.

        Raises:
            UnknownSubmissionError: there is no such submission.
        """
        return _the(self.records(), identity)

    def resampled(self, digest: str) -> bytes | None:
        """The resamples under a digest that a score names; None where they are missing or damaged."""
        query = select(resamples.c["values"]).where(resamples.c.sha256 == digest)
        with self.engine.connect() as connection:
            values = connection.execute(query).scalar()
        if values is None or hashlib.sha256(values).hexdigest() != digest:
            _log.error("the resamples %s are missing or were changed; restore the database from a backup", digest)
            return None
        return values


def read_rows(connection: Connection) -> list[Row]:
    """All rows, as a transaction sees them."""
    return _rows(connection, select(ledger).order_by(ledger.c.seq))


def bodies_of(rows: Iterable[Row]) -> set[str]:
    """The digests of the bodies that were submitted."""
    return {row.event.sha256 for row in rows if isinstance(row.event, Entry)}


def check_round(connection: Connection, pair_digest: str) -> None:
    """Raise if the reveal of a pair is recorded, as a transaction sees it.

    Raises:
        SubmissionError: it is.
    """
    if _is_recorded(connection, Reveal("", pair_digest, "")):
        raise SubmissionError(
            "This pair was sealed, and its truth is known now: the round is over. Score it with w1bench score."
        )


def check_resamples(connection: Connection) -> None:
    """Check all resamples against their digests.

    Raises:
        CheckFailedError: some were changed.
    """
    query = select(resamples.c.sha256, resamples.c["values"]).execution_options(yield_per=_RESAMPLES_AT_ONCE)
    for digest, values in connection.execute(query):
        if hashlib.sha256(values).hexdigest() != digest:
            raise CheckFailedError(f"The resamples {digest} were changed; restore the database from a backup.")


def _is_recorded(connection: Connection, reveal: Reveal) -> bool:
    return connection.execute(_OF_CONTENT, {"digest": reveal.content}).first() is not None


def _append(connection: Connection, event: Event) -> None:
    """Append the next row; its time is never before that of the last one, even where the clock is (see `Entry.clock`)."""
    last = _rows(connection, _LAST)
    seq, previous, at = (last[0].seq + 1, last[0].hash, last[0].at) if last else (1, GENESIS, "")
    kind, time = (kind_of(event), "submitted_at" if isinstance(event, Entry) else "at")
    values = asdict(event)
    if isinstance(event, Entry) and values[time] < at:
        values["clock"] = values[time]
    values[time] = max(values[time], at)
    named = {"seq": seq, "previous": previous, "kind": kind, **values}
    row = row_of(json.dumps(named, sort_keys=True, separators=(",", ":")))
    connection.execute(_ADD, asdict(row))


def known_record(connection: Connection, content: Content, key: str | None) -> Record | None:
    """The record of the same content, if there is one; `key` stands for that content from then on. `connection` is one of `writing`.

    Raises:
        KeyReusedError: `key` was used before with other content.
    """
    check_key(connection, content.user, key, content.digest)
    same = connection.execute(_OF_CONTENT, {"digest": content.digest}).scalar()
    if same is None:
        return None
    remember_key(connection, content.user, key, same)
    return _record(connection, same)


def _keep(connection: Connection, resampled: bytes | None) -> str | None:
    """Store resamples, and return their digest."""
    if resampled is None:
        return None
    digest = hashlib.sha256(resampled).hexdigest()
    if connection.execute(_KEPT, {"digest": digest}).first() is None:
        connection.execute(_KEEP, {"sha256": digest, "values": resampled})
    return digest


def _record(connection: Connection, identity: str) -> Record:
    return _the(_folded(_rows(connection, _OF_SUBMISSION, identity=identity)), identity)


def _the(records: Records, identity: str) -> Record:
    if identity not in records:
        raise UnknownSubmissionError("There is no submission of this id; the leaderboard lists the best ones.")
    return records[identity]


def _rows(connection: Connection, query: Select[Any], **values: object) -> list[Row]:
    return [Row(**row) for row in connection.execute(query, values).mappings()]


def _folded(rows: Iterable[Row]) -> dict[str, Record]:
    return fold({}, ((row.seq, row.event) for row in rows))
