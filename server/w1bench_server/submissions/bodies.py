"""Bodies: accepted uploads under their SHA-256, `ab/SHA256`; a file has that name only when it is there for good.

The body of a submission that is scored as a job waits beside them, as `waiting/JOB`.
"""

from __future__ import annotations

from collections.abc import Generator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from w1bench.errors import CheckFailedError
from w1bench.storage.backends import Folder, Storage, storage_at


class MissingBodyError(CheckFailedError):
    """A body is not where it is to be."""


@dataclass(frozen=True)
class Bodies:
    """The uploads below the server's data folder, which one server has for its own; accepted ones may be at `url`.

    Files that are needed for a while go to `scratch`; by default, where uploads are received.
    """

    data: Path
    url: str | None = None
    scratch: Path | None = None

    @property
    def incoming(self) -> Path:
        """Where uploads lie until they are accepted."""
        return self.data / "incoming"

    @property
    def kept(self) -> Storage:
        """Where accepted ones are."""
        return storage_at(self.url) if self.url else Folder(self.data / "submissions")

    def keep(self, upload: Path, sha256: str) -> None:
        """Give a received file its lasting name; afterwards it survives a power failure."""
        self.kept.put(_name(sha256), upload)

    def keep_waiting(self, upload: Path, job: str) -> None:
        """As `keep`, for a file that a job has still to score."""
        self.kept.put(_waiting(job), upload)

    def forget_waiting(self, job: str) -> None:
        """Remove the file that waited for a job, if it is still there."""
        self.kept.remove(_waiting(job))

    @contextmanager
    def borrowed(self, sha256: str, *, job: str | None = None) -> Generator[Path]:
        """An accepted body, or one that waits for a job, as a file of this machine for the block.

        Raises:
            MissingBodyError: it is not there.
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
        """At start: make the folders, and remove what a killed server left: partial uploads, bodies without a row.

        `recorded` are the SHA-256 of submissions, and the ids of jobs. Bodies at `url` stay: other servers may be about to
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
