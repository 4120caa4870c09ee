"""Chain."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from w1bench.errors import CheckFailedError
from w1bench_server.ledger.records import Entry, Event, Rescore, Retraction, content, text_sha256

GENESIS = "0" * 64  # what the first row names
_KINDS: dict[str, type[Event]] = {"submission": Entry, "rescore": Rescore, "retraction": Retraction}


@dataclass(frozen=True)
class Row:
    """A row as it is stored: a document and its hash; the other columns repeat parts of it."""

    seq: int
    kind: str
    submission: str
    user: str
    at: str
    content: str | None
    pair: str | None
    sealed: bool | None
    document: str
    hash: str

    @cached_property
    def event(self) -> Event:
        return _parsed(self.document)[2]

    @property
    def previous(self) -> str:
        return _parsed(self.document)[1]


def check_chain(rows: Iterable[Row]) -> None:
    """Hold all rows of a ledger against their hashes.

    Raises:
        CheckFailedError: the first row that was changed, removed or put in.
    """
    seq, previous = 0, GENESIS
    for row in rows:
        if wrong := _wrong(row, seq + 1, previous):
            raise CheckFailedError(
                f"The ledger is broken at row {row.seq} (submission {row.submission}): {wrong}. "
                "Rows were changed or are missing; restore the database from a backup."
            )
        seq, previous = row.seq, row.hash


def _wrong(row: Row, seq: int, previous: str) -> str | None:
    """What is wrong with a row that is to be number `seq`, after one with the hash `previous`."""
    try:
        told, named = row_of(row.document), row.previous
    except (ValueError, KeyError, TypeError, AttributeError):
        return "its text is none of a row"
    if (row.seq, named) != (seq, previous):
        return f"it follows {named}, and row {seq} after {previous} was needed"
    if row.hash != told.hash:
        return f"its text has the hash {told.hash}, and {row.hash} was needed"
    return None if row == told else "its columns say something else than its text"


def row_of(document: str) -> Row:
    """The row of a document."""
    seq, _, event = _parsed(document)
    is_entry = isinstance(event, Entry)
    return Row(
        seq=seq,
        kind=kind_of(event),
        submission=event.id if is_entry else event.submission,
        user="" if isinstance(event, Rescore) else event.user,
        at=event.submitted_at if is_entry else event.at,
        content=content(event).digest if is_entry else None,
        pair=event.pair if is_entry else None,
        sealed=event.sealed if is_entry else None,
        document=document,
        hash=text_sha256(document),
    )


def _parsed(document: str) -> tuple[int, str, Event]:
    """The sequence number, the hash of the row before, and the event."""
    values = json.loads(document)
    seq, previous, kind = values.pop("seq"), values.pop("previous"), values.pop("kind", "submission")  # as in 0.1.0
    return seq, previous, _KINDS[kind](**values)


def kind_of(event: Event) -> str:
    return next(name for name, kind in _KINDS.items() if isinstance(event, kind))
