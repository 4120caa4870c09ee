"""Tokens: 256 random bits that are shown once and stored only as their SHA-256, found by a short prefix.

`w1b_PREFIX_SECRET`; a token has one scope: `submit` makes submissions, `admin` manages the service.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, bindparam, insert, select, update

from w1bench.errors import InputError
from w1bench.recipes.fields import NAME_PATTERN
from w1bench_server.database import connection as database
from w1bench_server.database.tables import tokens
from w1bench_server.errors import TokenError
from w1bench_server.ledger.records import REFERENCE_USER
from w1bench_server.settings import Settings

SCOPES = ("submit", "admin")
_MARK = "w1b"
_PREFIX_BYTES, _SECRET_BYTES = 4, 32
_OF_PREFIX = select(tokens).where(tokens.c.prefix == bindparam("prefix"))
_TOKEN = re.compile(rf"{_MARK}_([0-9a-f]{{{2 * _PREFIX_BYTES}}})_[!-~]+")


@dataclass(frozen=True)
class Holder:
    """The user of a token, its scope, and the prefix that names it."""

    user: str
    scope: str
    prefix: str = field(default="", compare=False)

    def check(self, connection: Connection) -> None:
        """Check that the token still opens, as a transaction sees it.

        Raises:
            TokenError: it was revoked, or has expired.
        """
        row = connection.execute(_OF_PREFIX, {"prefix": self.prefix}).mappings().one()
        _check_open(row, _now())


def create_token(settings: Settings, *, user: str, scope: str = "submit", days: int | None = None) -> str:
    """A new token of `user`, valid for `days` or without end. It cannot be shown again.

    Raises:
        InputError: the user's name, the scope or the days are not valid, or there is no service.
    """
    _check(user, scope, days)
    with database.existing(settings, empty=True) as engine:
        return issue(engine, user=user, scope=scope, days=days)


def _check(user: str, scope: str, days: int | None) -> None:
    if not re.fullmatch(NAME_PATTERN, user):
        raise InputError(
            f"The user {user!r} is not a valid name; use up to 64 of a-z, 0-9 and ._- beginning with a letter or digit."
        )
    if user == REFERENCE_USER:
        raise InputError(f"The user {user} owns the reference rows; give the token another name.")
    if scope not in SCOPES:
        raise InputError(f"Scope {scope!r} is unknown; use one of {', '.join(SCOPES)}.")
    if days is not None and not 1 <= days <= 36_500:
        raise InputError(
            f"A token cannot last {days} days; give 1 to 36500, or leave it out for one that does not expire."
        )


def issue(engine: Engine, *, user: str, scope: str = "submit", days: int | None = None) -> str:
    """As `create_token`, in a database that is open."""
    _check(user, scope, days)
    prefix = secrets.token_hex(_PREFIX_BYTES)
    token = f"{_MARK}_{prefix}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    now = datetime.now(UTC)
    row = {
        "prefix": prefix,
        "digest": _digest(token),
        "user": user,
        "scope": scope,
        "created_at": _text(now),
        "expires_at": None if days is None else _text(now + timedelta(days=days)),
    }
    with database.writing(engine) as connection:
        connection.execute(insert(tokens).values(row))
    return token


def list_tokens(settings: Settings) -> list[dict[str, Any]]:
    """All tokens without their secrets, oldest first; times are ISO 8601 in UTC.

    Raises:
        InputError: there is no service.
    """
    with database.existing(settings, empty=True) as engine:
        return issued(engine)


def issued(engine: Engine) -> list[dict[str, Any]]:
    """As `list_tokens`, of a database that is open."""
    columns = [column for column in tokens.c if column.name != "digest"]
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(*columns).order_by(tokens.c.created_at)).mappings()]


def revoke_token(settings: Settings, prefix: str) -> None:
    """Revoke the token that begins with `w1b_PREFIX`, for good; revoking it twice changes nothing.

    Raises:
        InputError: there is no such token, or no service.
    """
    with database.existing(settings, empty=True) as engine:
        revoke(engine, prefix)


def revoke(engine: Engine, prefix: str) -> None:
    """As `revoke_token`, in a database that is open."""
    open_ones = (tokens.c.prefix == prefix, tokens.c.revoked_at.is_(None))
    with database.writing(engine) as connection:
        if connection.execute(select(tokens.c.prefix).where(tokens.c.prefix == prefix)).first() is None:
            raise InputError(f"No token begins with {_MARK}_{prefix}; `w1bench token list` shows them.")
        connection.execute(update(tokens).where(*open_ones).values(revoked_at=_text(_now())))


def holder(engine: Engine, token: str, *, now: datetime | None = None) -> Holder:
    """The holder of a token.

    Raises:
        TokenError: it is unknown, revoked or expired.
    """
    with engine.connect() as connection:
        row = connection.execute(_OF_PREFIX, {"prefix": prefix(token)}).mappings().first()
    if row is None or not hmac.compare_digest(row["digest"], _digest(token)):
        raise TokenError("This token is unknown; check that all of it was sent, or ask for a new one.")
    _check_open(row, now or _now())
    return Holder(row["user"], row["scope"], row["prefix"])


def _check_open(row: RowMapping, now: datetime) -> None:
    if row["revoked_at"] is not None:
        raise TokenError(f"This token was revoked at {row['revoked_at']}; ask for a new one.")
    if row["expires_at"] is not None and datetime.fromisoformat(row["expires_at"]) <= now:
        raise TokenError(f"This token expired at {row['expires_at']}; ask for a new one.")


def prefix(token: str) -> str:
    """The public part of a token, which names it; "" where the text is not a token."""
    match = _TOKEN.fullmatch(token)
    return match[1] if match else ""


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC)


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
