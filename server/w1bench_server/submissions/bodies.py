"""Bodies: the accepted uploads, stored under their SHA-256 as `ab/SHA256`, where a file is complete and lasting.

The body of a submission that a job has still to score lies beside them, as `waiting/JOB`.
"""

from __future__ import annotations

from collections.abc import Generator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from w1bench.errors import CheckFailedError
from w1bench.storage.backends import Folder, Storage, storage_at


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

    def sweep(self, recorded: Set[str]) -> None:
        """Make the folders, and remove what a killed server left: partial uploads, and bodies without a row or job.

        `recorded` holds the SHA-256 of submissions and the ids of jobs. Bodies at `url` stay: other servers may be about to
        record them.
        """
        self.incoming.mkdir(parents=True, exist_ok=True)
        orphans = (p for p in (self.data / "submissions").glob("*/*") if p.name not in recorded)
        for path in (*self.incoming.iterdir(), *orphans):
            path.unlink()


def _name(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256}"


def _waiting(job: str) -> str:
    return f"waiting/{job}"
