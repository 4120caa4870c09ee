"""Bodies: the accepted uploads, stored under their SHA-256 as `ab/SHA256`, where a file is complete and lasting.

The body of a submission that a job has still to score lies beside them, as `waiting/JOB`, and so does `identity`, which names the
service whose database knows them.
"""

import logging
import shutil
import threading
import time
from collections.abc import Generator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import islice
from pathlib import Path

from w1bench.errors import CheckFailedError, InputError, UnreachableError
from w1bench.storage.backends import Folder, Storage, storage_at

_IDENTITY = "identity"
_OLD = timedelta(days=1)  # an orphan is not swept before
_TRASH_DAYS = timedelta(days=30)  # that swept bodies are kept
_ASKED_FOR = 100  # bodies, of which one must be there
_FRESH_SECONDS = 10.0  # that an answer of a bucket holds
_PATIENCE_SECONDS = 5.0  # with a bucket, which is asked on until it answers
_SILENT = "The place of bodies does not answer."
_log = logging.getLogger(__name__)


class MissingBodyError(CheckFailedError):
    """A body that is not where it should be."""


@dataclass(frozen=True)
class Bodies:
    """The bodies in a server's data folder; accepted ones may be stored at `url`, which several servers share.

    Temporary copies go to `scratch`; by default, where uploads are received.
    """

    data: Path
    url: str | None = None
    scratch: Path | None = None

    @property
    def incoming(self) -> Path:
        """The folder of uploads that are not accepted yet."""
        return self.data / "incoming"

    @property
    def kept(self) -> Storage:
        """The storage of accepted uploads."""
        return storage_at(self.url) if self.url else Folder(self.data / "submissions")

    @property
    def folder(self) -> Path | None:
        """The folder of accepted uploads, if they are in one."""
        return self.kept.path if isinstance(self.kept, Folder) else None

    def keep(self, upload: Path, sha256: str) -> None:
        """Store a received file under its digest; afterwards it survives a power failure."""
        self.kept.put(_name(sha256), upload)

    def keep_waiting(self, upload: Path, job: str) -> None:
        """Store a file that a job has still to score; lasting as by `keep`."""
        self.kept.put(_waiting(job), upload)

    def forget_waiting(self, job: str) -> None:
        """Remove the file that waits for a job, if it is still there."""
        self.kept.remove(_waiting(job))

    @contextmanager
    def borrowed(self, sha256: str, *, job: str | None = None) -> Generator[Path]:
        """An accepted body, or one that waits for a job, as a local file for the block.

        Raises:
            MissingBodyError: there is no such body.
        """
        name = _waiting(job) if job and self.kept.holds(_waiting(job)) else _name(sha256)
        try:
            with self.kept.local(name, self.scratch or self.incoming) as path:
                yield path
        except FileNotFoundError as error:
            raise MissingBodyError(
                f"The body {sha256} is missing ({error.filename}); restore it from a backup."
            ) from None

    def check_owner(self, service: str | None, recorded: Set[str] | None = None) -> None:
        """Check that the bodies here, if there are any, belong to the database of a service (None: one without an identity).

        Bodies without an owner pass where `recorded`, as for `sweep`, has any of them, or is not given.

        Raises:
            InputError: they belong to another database.
        """
        with self.kept.open(_IDENTITY) or BytesIO() as file:
            owner = file.read().decode()
        if owner == service or (not owner and (recorded is None or self._is_empty() or self._holds_any(recorded))):
            return
        raise InputError(
            f"The bodies in {self.kept} belong to another database than this one, and nothing was changed. Give the database they "
            "belong to (W1BENCH_DATABASE_URL, --data), restore a backup of it (w1bench restore), or give this database another "
            "place for bodies."
        )

    def has_owner(self) -> bool:
        """Whether the bodies here belong to a service, as those of a server do from its start on.

        Raises:
            UnreachableError: the place cannot be read.
        """
        try:
            return self.kept.holds(_IDENTITY)
        except OSError as error:
            raise UnreachableError(f"{self.kept} cannot be read ({error.strerror}).") from None

    def check_folder(self) -> None:
        """Check that a folder of accepted uploads is still there, which `keep` would make anew.

        Raises:
            UnreachableError: it is gone, or cannot be read.
        """
        if self.folder is not None and not self.has_owner():
            raise UnreachableError(f"{self.kept} is gone, or has no file {_IDENTITY}; put it back.")

    def set_owner(self, service: str) -> None:
        """Note the service that the bodies here belong to."""
        with self.kept.create(_IDENTITY) as file:
            file.write(service.encode())

    def sweep(self, recorded: Set[str]) -> None:
        """Make the folders, and clear away what a killed server left: partial uploads, and bodies without a row or job.

        Such bodies go to `trash/DATE` when they are a day old, and from there after thirty days. `recorded` holds the SHA-256 of
        submissions and the ids of jobs. Bodies at `url` stay: other servers may be about to record them.
        """
        self.incoming.mkdir(parents=True, exist_ok=True)
        for path in self.incoming.iterdir():
            path.unlink()
        now, trash = datetime.now(UTC), self.data / "trash"
        today = trash / f"{now:%Y-%m-%d}"
        for path in (self.data / "submissions").glob("*/*"):
            if path.name not in recorded and now.timestamp() - path.stat().st_mtime > _OLD.total_seconds():
                today.mkdir(parents=True, exist_ok=True)
                path.replace(today / path.name)
                _log.warning("the body %s has no submission and no job; it was moved to %s", path.name, today)
        for folder in trash.glob("*-*-*"):
            if folder.name < f"{now - _TRASH_DAYS:%Y-%m-%d}":
                shutil.rmtree(folder)

    def _is_empty(self) -> bool:
        if self.url:
            return self.kept.is_empty()
        return next((self.data / "submissions").glob("*/*"), None) is None

    def _holds_any(self, recorded: Set[str]) -> bool:
        some = islice(recorded, _ASKED_FOR)
        return any(self.kept.holds(place(name)) for name in some for place in (_name, _waiting))


def _name(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256}"


def _waiting(job: str) -> str:
    return f"waiting/{job}"


class Reach:
    """What is wrong with the place of accepted bodies, for anyone to read: a folder is looked at each time, a bucket is asked every few seconds at most.

    Names of folders and buckets go to the log only.
    """

    def __init__(self, bodies: Bodies) -> None:
        self._bodies, self._lock = bodies, threading.Lock()
        self._fault: str | None = _SILENT
        self._asked: threading.Thread | None = None
        self._until = 0.0

    def fault(self) -> str | None:
        """What is wrong, as a sentence; None if nothing is."""
        if self._bodies.folder is not None:
            return self._look()
        with self._lock:
            waits = self._asked is not None and self._asked.is_alive()
            if not waits and time.monotonic() > self._until:
                self._fault = _SILENT
                self._asked = threading.Thread(target=self._ask, daemon=True)
                self._asked.start()
                self._asked.join(_PATIENCE_SECONDS)
            return self._fault

    def _ask(self) -> None:
        self._fault = self._look()
        self._until = time.monotonic() + _FRESH_SECONDS

    def _look(self) -> str | None:
        try:
            found = self._bodies.has_owner()
        except UnreachableError:
            return "The place of bodies cannot be reached."
        return None if found else "The place of bodies is gone, or is another one: it has no file `identity`."
