"""Connections to SQLite or PostgreSQL, and the transactions that read and write.

SQLite: write-ahead log, full synchronisation, and every writing transaction begins IMMEDIATE, because a deferred one that
starts to write is refused while another writes. PostgreSQL: every writing transaction first takes one advisory lock. So in both,
writers come one after the other, whatever process they are in.

A SQLite file that is removed or replaced takes with it what a process still writes to it; so a transaction that writes checks
before it commits that the file is where it was, and only the first connection makes the file.
"""

import sqlite3
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from w1bench.errors import InputError, MissingExtraError
from w1bench_server.database.migrations import revisions
from w1bench_server.settings import Settings

_BUSY_MILLISECONDS = 30_000
_RETRY_SECONDS = 0.02
_WRITER_LOCK = 0x773162656E6368  # "w1bench"
_FILE = "w1bench_file"


@contextmanager
def opened(settings: Settings) -> Generator[Engine]:
    """The database of `settings`, with the tables of this release: created or migrated where necessary.

    Raises:
        InputError: it cannot be reached, is not a database, or was made by a newer w1bench.
    """
    with connected(settings) as engine:
        with _usable(), engine.connect() as connection:
            current = revisions.revision(connection) == revisions.HEAD
        if not current:
            with _usable(), writing(engine) as connection:
                revisions.upgrade(connection)
        yield engine


@contextmanager
def existing(settings: Settings, *, empty: bool = False) -> Generator[Engine]:
    """The database of a service that is there already, as `opened`; `empty` if its folder suffices, in which nothing may be yet.

    Raises:
        InputError: there is no such service; no folder is made. As `opened`, too.
    """
    file = file_of(settings)
    folder = file.parent if file else settings.data
    if not ((empty and folder.is_dir()) or ((file is None or file.is_file()) and _has_tables(settings))):
        raise no_service(settings)
    with opened(settings) as engine:
        yield engine


def no_service(settings: Settings) -> InputError:
    """The error where a service is needed and there is none."""
    file = file_of(settings)
    return InputError(
        f"There is no service in {file.parent if file else settings.data}; correct --data (W1BENCH_DATA) or "
        "W1BENCH_DATABASE_URL, or start one with w1bench serve."
    )


@contextmanager
def connected(settings: Settings) -> Generator[Engine]:
    """The database of `settings` as it is, connected to on first use.

    Raises:
        InputError: its URL is not valid, or, on first use, PostgreSQL has it in another encoding than UTF8.
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
    if file := file_of(settings):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sqlite = _SqliteFile(file)
        event.listen(engine, "do_connect", sqlite.open)
        event.listen(engine, "connect", sqlite.prepare)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "connect", _check_encoding, insert=True)  # before anything is read
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
    """A transaction that writes: no other write comes between its reads and its writes.

    Raises:
        OperationalError: the database's file was removed or replaced, and nothing is written.
    """
    with engine.execution_options(writes=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SET LOCAL lock_timeout = {_BUSY_MILLISECONDS}"))
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})"))
        yield connection
        if file := connection.info.get(_FILE):
            file.check()


def file_of(settings: Settings) -> Path | None:
    """The file of a database in SQLite."""
    return Path(settings.database.database or "") if settings.database.get_backend_name() == "sqlite" else None


def _has_tables(settings: Settings) -> bool:
    with connected(settings) as engine, _usable(), engine.connect() as connection:
        return revisions.revision(connection) is not None


@contextmanager
def _usable() -> Generator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"The database cannot be used ({reason}); correct W1BENCH_DATABASE_URL, or --data.") from None


@dataclass
class _SqliteFile:
    """The file of an engine, which must stay the one that its first connection opened."""

    path: Path
    opened: tuple[int, int] | None = None

    def open(self, dialect: Any, record: Any, words: list[Any], options: dict[str, Any]) -> None:
        """Have a connection open the file that is there, which the first one makes."""
        if self.opened is None:
            with suppress(FileExistsError):
                self.path.touch(0o640, exist_ok=False)
            self._close_to_others()
        words[0] = f"{Path(words[0]).absolute().as_uri()}?mode=rw"
        options["uri"] = True

    def prepare(self, connection: Any, record: Any) -> None:
        """Set up a new connection."""
        connection.isolation_level = None  # the driver's own BEGIN is a deferred one
        connection.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
        _log_ahead(connection)
        for pragma in ("synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        self.opened = self.opened or self._present()
        record.info[_FILE] = self

    def check(self) -> None:
        """Raise OperationalError if the file is no longer there, or another one is."""
        if self._present() != self.opened:
            lost = FileNotFoundError(f"{self.path} was removed or replaced; put it back, and restart the service")
            raise OperationalError("COMMIT", {}, lost)

    def _close_to_others(self) -> None:
        """Take their permissions from others than the owner and the group, as of a file that an older release made."""
        for path in (self.path, *(self.path.with_name(self.path.name + end) for end in ("-wal", "-shm"))):
            with suppress(PermissionError, FileNotFoundError):  # another's file, who answers for it
                mode = path.stat().st_mode
                if mode & 0o007:
                    path.chmod(mode & ~0o007)

    def _present(self) -> tuple[int, int] | None:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return None
        return stat.st_dev, stat.st_ino


def _check_encoding(connection: Any, record: Any) -> None:
    """Raise InputError if a PostgreSQL database does not hold every text."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise InputError(
            f"The database of W1BENCH_DATABASE_URL has the encoding {encoding}, and UTF8 is needed; make it anew, as by `createdb "
            "--encoding UTF8 --template template0 --owner w1bench w1bench`."
        )


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
