"""Bodies: accepted uploads under their SHA-256, `ab/SHA256`; a file has that name only when it is there for good."""

from __future__ import annotations

from collections.abc import Generator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from w1bench.errors import CheckFailedError
from w1bench.storage import Folder, Storage, storage_at


@dataclass(frozen=True)
class Bodies:
    """The uploads below the server's data folder, which one server has for its own; accepted ones may be at `url`."""

    data: Path
    url: str | None = None

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

    @contextmanager
    def borrowed(self, sha256: str) -> Generator[Path]:
        """An accepted body as a file of this machine, for the block.

        Raises:
            CheckFailedError: it is missing.
        """
        try:
            with self.kept.local(_name(sha256), self.incoming) as path:
                yield path
        except FileNotFoundError as error:
            raise CheckFailedError(
                f"The body {sha256} is missing ({error.filename}); restore it from a backup."
            ) from None

    def sweep(self, recorded: Set[str]) -> None:
        """At start: make the folders, and remove what a killed server left: partial uploads, bodies without a row.

        Bodies at `url` stay: other servers may be about to record them.
        """
        self.incoming.mkdir(parents=True, exist_ok=True)
        orphans = (p for p in (self.data / "submissions").glob("*/*") if p.name not in recorded)
        for path in (*self.incoming.iterdir(), *orphans):
            path.unlink()


def _name(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256}"
