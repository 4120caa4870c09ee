"""Times as the tables have them."""

from datetime import UTC, datetime


def text_of(time: datetime) -> str:
    """A time in ISO 8601, UTC, so that times compare as text."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds")


def now() -> str:
    """The present time as the tables have it."""
    return text_of(datetime.now(UTC))
