"""Bodies: accepted uploads under their SHA-256, `submissions/ab/SHA256`; a file has that name only when it is on the disk."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from w1bench.durable import sync


@dataclass(frozen=True)
class Bodies:
    """The uploads below the server's data folder; one server has it for its own."""

    data: Path

    @property
    def incoming(self) -> Path:
        """Where uploads lie until they are accepted."""
        return self.data / "incoming"

    def path(self, sha256: str) -> Path:
        """Where the body of a digest is kept."""
        return self.data / "submissions" / sha256[:2] / sha256

    def keep(self, upload: Path, sha256: str) -> Path:
        """Give a received file its lasting name; afterwards it survives a power failure."""
        kept = self.path(sha256)
        kept.parent.mkdir(parents=True, exist_ok=True)
        sync(upload)
        upload.replace(kept)
        for folder in (kept.parent, kept.parent.parent, self.data):
            sync(folder)
        return kept

    def sweep(self, recorded: Set[str]) -> None:
        """At start: make the folders, and remove what a killed server left: partial uploads, bodies without a row."""
        self.incoming.mkdir(parents=True, exist_ok=True)
        orphans = (p for p in (self.data / "submissions").glob("*/*") if p.name not in recorded)
        for path in (*self.incoming.iterdir(), *orphans):
            path.unlink()
