"""Connections to SQLite or PostgreSQL, and the transactions that read and write.

SQLite: write-ahead log, full synchronisation, and every writing transaction begins IMMEDIATE, because a deferred one that
starts to write is refused while another writes. PostgreSQL: every writing transaction first takes one advisory lock. So in both,
writers come one after the other, whatever process they are in.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from w1bench.errors import InputError, MissingExtraError
from w1bench_server.database import migrations
from w1bench_server.settings import Settings

_BUSY_MILLISECONDS = 30_000
_RETRY_SECONDS = 0.02
_WRITER_LOCK = 0x773162656E6368  # "w1bench"


@contextmanager
def opened(settings: Settings) -> Generator[Engine]:
    """The database of `settings`, with the tables of this release: created or migrated where necessary.

    Raises:
        InputError: it cannot be reached, is not a database, or was made by a newer w1bench.
    """
    with connected(settings) as engine:
        with _usable(), engine.connect() as connection:
            current = migrations.revision(connection) == migrations.HEAD
        if not current:
            with _usable(), writing(engine) as connection:
                migrations.upgrade(connection)
        yield engine


@contextmanager
def connected(settings: Settings) -> Generator[Engine]:
    """The database of `settings` as it is, connected to on first use.

    Raises:
        InputError: its URL is not valid.
        MissingExtraError: its driver is not installed.
    """
    try:
        with _usable():
            engine = create_engine(settings.database, pool_pre_ping=True)
    except ImportError as error:
        raise MissingExtraError(
            f"The driver of W1BENCH_DATABASE_URL cannot be loaded ({error}); for PostgreSQL install w1bench with its extra "
            "`postgres` (in a checkout: pip install '.[postgres]')."
        ) from None
    if engine.dialect.name == "sqlite":
        Path(settings.database.database or "").parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def frozen(engine: Engine) -> Generator[Connection]:
    """A transaction whose reads all see the same moment."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


@contextmanager
def writing(engine: Engine) -> Generator[Connection]:
    """A transaction that writes: no other write comes between its reads and its writes."""
    with engine.execution_options(writes=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SET LOCAL lock_timeout = {_BUSY_MILLISECONDS}"))
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})"))
        yield connection


@contextmanager
def _usable() -> Generator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"The database cannot be used ({reason}); correct W1BENCH_DATABASE_URL, or --data.") from None


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN is a deferred one
    connection.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
    _log_ahead(connection)
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _log_ahead(connection: Any) -> None:
    """Switch to the write-ahead log; busy_timeout does not cover several that do so at once on a new file."""
    deadline = time.monotonic() + _BUSY_MILLISECONDS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_SECONDS)


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
