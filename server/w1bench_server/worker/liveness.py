"""Which workers are alive: each holds a lock of its name, which the end of its process gives back, whatever ended it.

On SQLite, workers share a machine and lock files of the data folder. On PostgreSQL they take advisory locks, which end with
the connection. No clock is compared, and nothing expires.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from w1bench.errors import UnreachableError

_LEADER = "leader"
_RETRY_SECONDS = 0.05


@dataclass(frozen=True)
class Liveness:
    """The locks of a database's workers, and the folder of temporary files that each of them has in `folder`."""

    engine: Engine
    folder: Path

    @contextmanager
    def register(self, name: str) -> Generator[Callable[[], None]]:
        """Keep worker `name` alive for the block, with an empty folder; yields a check that raises UnreachableError once the lock is lost."""
        scratch = self.folder / name
        self.folder.mkdir(exist_ok=True)
        with ExitStack() as stack:
            while True:
                with self.leading() as leads:  # a sweep would take a half-registered worker to be dead
                    if leads:
                        check = stack.enter_context(self.lock(name))
                        assert check is not None, "names are not given twice"
                        scratch.mkdir()
                        break
                time.sleep(_RETRY_SECONDS)
            stack.callback(self._lock_file(name).unlink, missing_ok=True)
            stack.callback(shutil.rmtree, scratch, ignore_errors=True)
            yield check

    def is_alive(self, name: str) -> bool:
        """Whether the worker of this name is running."""
        with self.lock(name) as check:
            return check is None

    def sweep(self) -> None:
        """Remove the folders and lock files of dead workers, unless another worker is doing so."""
        with self.leading() as leads:
            if leads:
                for path in self.folder.iterdir():
                    if path.stem != _LEADER and not self.is_alive(path.stem):
                        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    @contextmanager
    def leading(self) -> Generator[bool]:
        """Whether this worker is, for the block, the one that acts for all."""
        with self.lock(_LEADER) as check:
            yield check is not None

    @contextmanager
    def lock(self, name: str) -> Generator[Callable[[], None] | None]:
        """Hold the lock of a name for the block; None if another process holds it."""
        held = _database_lock(self.engine, name) if self.engine.dialect.name == "postgresql" else self._file_lock(name)
        with held as check:
            yield check

    def _lock_file(self, name: str) -> Path:
        return self.folder / f"{name}.lock"

    @contextmanager
    def _file_lock(self, name: str) -> Generator[Callable[[], None] | None]:
        # Not a lock of filelock's, which would make the folder where it is gone.
        descriptor = os.open(self._lock_file(name), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            yield None
            return
        try:
            yield lambda: None
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # also where a child of this process still has the file
            os.close(descriptor)


@contextmanager
def _database_lock(engine: Engine, name: str) -> Generator[Callable[[], None] | None]:
    key = {"name": f"w1bench {name}"}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.execute(text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))"), key).scalar():
            yield None
            return
        try:
            yield partial(_check, connection)
        finally:
            with suppress(SQLAlchemyError):  # the lock went with the connection
                connection.execute(text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))"), key)


def _check(connection: Connection) -> None:
    try:
        connection.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        reason = str(error).splitlines()[0]
        raise UnreachableError(f"The connection that kept this worker alive is gone ({reason}).") from None
