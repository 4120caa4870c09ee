"""The tables, in one schema for SQLite and PostgreSQL, and how they are opened.

SQLite: write-ahead log, full synchronisation, and every writing transaction begins IMMEDIATE, because a deferred one that
turns to writing is refused while another writes.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
)  # fmt: skip
from sqlalchemy.exc import SQLAlchemyError

from w1bench.errors import InputError
from w1bench_server.settings import Settings

_BUSY_MILLISECONDS = 30_000
_DIGEST = String(64)
_NAME = String(64)
_TIME = String(32)  # ISO 8601, UTC

schema = MetaData()

submissions = Table(
    "submissions",
    schema,
    Column("seq", Integer, primary_key=True, autoincrement=False),  # two rows after the same one cannot both exist
    Column("id", _NAME, nullable=False, unique=True),
    Column("pair", _NAME, nullable=False),
    Column("pair_digest", _DIGEST, nullable=False),
    Column("method", _NAME, nullable=False),
    Column("user", _NAME, nullable=False),
    Column("sha256", _DIGEST, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("submitted_at", _TIME, nullable=False),
    Column("scorer", _NAME, nullable=False),
    Column("scorecard", Text, nullable=False),
    Column("reference", Boolean, nullable=False),
    Column("previous", _DIGEST, nullable=False, unique=True),
    Column("hash", _DIGEST, nullable=False, unique=True),
    UniqueConstraint("user", "pair_digest", "method", "sha256"),
)

idempotency_keys = Table(
    "idempotency_keys",
    schema,
    Column("user", _NAME, primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("submission", _NAME, ForeignKey("submissions.id"), nullable=False),
)

tokens = Table(
    "tokens",
    schema,
    Column("prefix", String(8), primary_key=True),
    Column("digest", _DIGEST, nullable=False),
    Column("user", _NAME, nullable=False),
    Column("scope", String(16), nullable=False),
    Column("created_at", _TIME, nullable=False),
    Column("expires_at", _TIME),
    Column("revoked_at", _TIME),
)

for _change in ("UPDATE", "DELETE"):
    _refuse = DDL(
        f"CREATE TRIGGER submissions_refuse_{_change.lower()} BEFORE {_change} ON submissions "
        "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    )
    event.listen(submissions, "after_create", _refuse.execute_if(dialect="sqlite"))


@contextmanager
def opened(settings: Settings) -> Generator[Engine]:
    """The database of `settings`, with its tables; made where there is none.

    Raises:
        InputError: it cannot be reached, or is none.
    """
    engine = _connected(settings)
    try:
        yield engine
    finally:
        engine.dispose()


def _connected(settings: Settings) -> Engine:
    try:
        engine = create_engine(settings.database)
        if engine.dialect.name == "sqlite":
            Path(settings.database.database or "").parent.mkdir(parents=True, exist_ok=True)
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        with writing(engine) as connection:
            schema.create_all(connection)
    except (SQLAlchemyError, ImportError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"The database cannot be used ({reason}); mend W1BENCH_DATABASE_URL, or --data.") from None
    return engine


@contextmanager
def writing(engine: Engine) -> Generator[Connection]:
    """A transaction that writes: nobody else's write comes between its reads and its writes."""
    with engine.execution_options(writes=True).begin() as connection:
        yield connection


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN is a deferred one
    for pragma in (
        f"busy_timeout={_BUSY_MILLISECONDS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
