"""Times."""

from __future__ import annotations

from datetime import UTC, datetime


def text_of(time: datetime) -> str:
    """A time as the ledger writes it: ISO 8601 in UTC, to be compared as text."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds")


def now() -> str:
    return text_of(datetime.now(UTC))
