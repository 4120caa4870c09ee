"""Fixity: a thread that hashes the archive's data files in slow passes, so that damage is found before anyone downloads it."""

import hashlib
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from w1bench.archive.catalogue import published
from w1bench.archive.folder import read_manifest
from w1bench.archive.manifest import FILENAME, Manifest
from w1bench.errors import CheckFailedError, PairError

_BLOCK_BYTES = 1 << 20
_SOON_SECONDS = 60.0  # after damage was found, because it may have been repaired
_DAMAGE = (OSError, CheckFailedError, PairError)  # what reading a damaged file raises
_log = logging.getLogger(__name__)


class Fixity:
    """The state of an archive's files: those `damaged`, as PAIR/FILE, and when all were last hashed (None: not yet).

    A context manager, whose thread hashes them every `seconds` and ends with the block.
    """

    def __init__(self, archive: Path, *, seconds: float, bytes_per_second: int) -> None:
        self._archive, self._seconds, self._rate = archive, seconds, bytes_per_second
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fixity", daemon=True)
        self.damaged: frozenset[str] = frozenset()
        self.checked_at: datetime | None = None

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._pass()
            except (OSError, PairError) as error:
                _log.error("the archive's files cannot be hashed: %s", error)
            self._stopped.wait(min(self._seconds, _SOON_SECONDS) if self.damaged else self._seconds)

    def _pass(self) -> None:
        """Hash every file once."""
        seen: set[str] = set()
        for folder in published(self._archive):
            for name, damage in self._damages(folder):
                if self._stopped.is_set():
                    return
                seen.add(f"{folder.name}/{name}")
                self._note(f"{folder.name}/{name}", damage)
        self.damaged &= seen  # what is no longer published is not damaged
        self.checked_at = datetime.now(UTC)

    def _note(self, file: str, damage: str) -> None:
        if damage and file not in self.damaged:
            _log.error("%s is damaged: %s", file, damage)
        self.damaged = self.damaged | {file} if damage else self.damaged - {file}

    def _damages(self, folder: Path) -> Iterator[tuple[str, str]]:
        """The files of a pair, each with what is wrong with it, or ""."""
        try:
            manifest = read_manifest(folder)
        except _DAMAGE as error:
            yield FILENAME, str(error)
            return
        yield FILENAME, ""
        for name in manifest.files:
            yield name, self._damage(folder, manifest, name)

    def _damage(self, folder: Path, manifest: Manifest, name: str) -> str:
        try:
            digest = self._digest(folder / name)
            changed = read_manifest(folder) != manifest  # it was built again or revealed meanwhile
        except _DAMAGE as error:
            return str(error)
        needed = manifest.files[name].sha256
        return "" if changed or digest in (needed, None) else f"it has SHA-256 {digest}; needed {needed}"

    def _digest(self, path: Path) -> str | None:
        """The SHA-256 of a file, read at no more than the rate that is set; None when stopped on the way."""
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
                if self._stopped.wait(len(block) / self._rate):
                    return None
        return digest.hexdigest()
