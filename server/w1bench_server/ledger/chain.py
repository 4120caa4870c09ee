"""The chain: a row is a document, and each document names the hash of the one before."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from w1bench.errors import CheckFailedError
from w1bench_server.ledger.records import Entry, Event, Rescore, Retraction, Reveal, content, text_sha256

GENESIS = "0" * 64  # the hash that the first row names
_KINDS: dict[str, type[Event]] = {"submission": Entry, "rescore": Rescore, "retraction": Retraction, "reveal": Reveal}


@dataclass(frozen=True)
class Row:
    """A row of the table: a document and its hash; the other columns repeat parts of the document."""

    seq: int
    kind: str
    submission: str
    user: str
    at: str
    content: str | None
    pair: str | None
    sealed: bool | None
    clock: str | None
    document: str
    hash: str

    @cached_property
    def event(self) -> Event:
        return _parsed(self.document)[2]

    @property
    def previous(self) -> str:
        return _parsed(self.document)[1]


def check_chain(rows: Iterable[Row]) -> None:
    """Check all rows of a ledger against their hashes.

    Raises:
        CheckFailedError: a row was changed, removed or inserted; the message names the first.
    """
    seq, previous = 0, GENESIS
    for row in rows:
        if wrong := _wrong(row, seq + 1, previous):
            raise CheckFailedError(
                f"The ledger is broken at row {row.seq} ({row.kind} of {row.submission or row.pair}): {wrong}. "
                "Rows were changed or are missing; restore the database from a backup."
            )
        seq, previous = row.seq, row.hash


def _wrong(row: Row, seq: int, previous: str) -> str | None:
    """What is wrong with a row that should have number `seq` and follow a row with the hash `previous`."""
    try:
        expected, named = row_of(row.document), row.previous
    except (ValueError, KeyError, TypeError, AttributeError):
        return "its document is not valid"
    if (row.seq, named) != (seq, previous):
        return f"it is row {row.seq} after {named}; needed row {seq} after {previous}"
    if row.hash != expected.hash:
        return f"its document has the hash {expected.hash}; needed {row.hash}"
    return None if row == expected else "its columns differ from its document"


def row_of(document: str) -> Row:
    """The row that a document makes."""
    seq, _, event = _parsed(document)
    columns: dict[str, Any] = {"content": None, "pair": None, "sealed": None, "clock": None}
    match event:
        case Entry():
            columns |= {
                "content": content(event).digest,
                "pair": event.pair,
                "sealed": event.sealed,
                "clock": event.clock,
            }
            submission, user, at = event.id, event.user, event.submitted_at
        case Rescore():
            submission, user, at = event.submission, "", event.at
        case Retraction():
            submission, user, at = event.submission, event.user, event.at
        case Reveal():
            columns |= {"content": event.content, "pair": event.pair}
            submission, user, at = "", "", event.at
    return Row(
        seq=seq, kind=kind_of(event), submission=submission, user=user, at=at, **columns, document=document,
        hash=text_sha256(document),
    )  # fmt: skip


def _parsed(document: str) -> tuple[int, str, Event]:
    """The sequence number, the hash of the row before, and the event."""
    values = json.loads(document)
    seq, previous, kind = values.pop("seq"), values.pop("previous"), values.pop("kind")
    return seq, previous, _KINDS[kind](**values)


def kind_of(event: Event) -> str:
    """The name of an event's kind in the table."""
    return next(name for name, kind in _KINDS.items() if isinstance(event, kind))
