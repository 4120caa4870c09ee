"""The published pairs of an archive, as they are now; unfinished builds are in hidden folders and not among them."""

import logging
import re
from dataclasses import dataclass, field
from pathlib import Path

from w1bench.archive.catalogue import published
from w1bench.archive.commitment import REVEAL
from w1bench.archive.folder import DIAGNOSTICS, names_of, read_manifest
from w1bench.archive.manifest import FILENAME, Manifest, PairState
from w1bench.diagnostics.record import PairDiagnosis, read_record
from w1bench.errors import CheckFailedError, PairError
from w1bench.recipes.fields import NAME_PATTERN
from w1bench.storage.files import file_digest
from w1bench_server.errors import NotPublishedError

TRACKS = {"uniform": "hd", "ball": "ball", "images": "images", "generator": "images"}  # by the source's kind
_log = logging.getLogger(__name__)
Stamp = tuple[int, ...]


@dataclass(frozen=True)
class PublishedFile:
    """A file to download. Data files never change; the others may be rewritten."""

    path: Path
    sha256: str
    immutable: bool


@dataclass(frozen=True)
class PublishedPair:
    """A pair's folder, manifest and record, which older pairs lack; scores refer to its `digest`."""

    folder: Path
    manifest: Manifest
    digest: str
    diagnosis: PairDiagnosis | None = None

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def is_sealed(self) -> bool:
        """Whether its truth is kept back still."""
        return self.manifest.state is PairState.SEALED

    @property
    def track(self) -> str:
        return TRACKS.get(self.manifest.recipe.get("source", {}).get("kind"), "hd")

    @property
    def tracks(self) -> tuple[str, str]:
        """Its tracks: that of its kind of source, and that of open or of sealed pairs."""
        return self.track, "sealed" if self.manifest.sealed else "open"

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files that can be downloaded."""
        return names_of(self.folder, self.manifest)


@dataclass(frozen=True)
class PublishedPairs:
    """The pairs of an archive, which are read again only when a manifest changes or a pair is revealed."""

    archive: Path
    _pairs: dict[Path, tuple[Stamp, PublishedPair]] = field(default_factory=dict[Path, tuple[Stamp, PublishedPair]])
    _digests: dict[Path, tuple[Stamp, str]] = field(default_factory=dict[Path, tuple[Stamp, str]])

    def all(self) -> list[PublishedPair]:
        """All pairs, by name. A damaged one is logged and left out, so that the others are still there."""
        pairs: list[PublishedPair] = []
        for folder in published(self.archive):
            try:
                pairs.append(self.get(folder.name))
            except (CheckFailedError, PairError) as error:
                _log.warning("%s is left out: %s", folder, error)
        return pairs

    def get(self, name: str) -> PublishedPair:
        """The pair of a name.

        Raises:
            NotPublishedError: no pair of this name is published.
            CheckFailedError: its manifest is damaged.
        """
        folder = self.archive / name
        if not re.fullmatch(NAME_PATTERN, name) or not _lies_in(folder / FILENAME, self.archive):
            raise NotPublishedError("There is no pair of this name; GET /v1/pairs lists them.")
        beside = (folder / name for name in (REVEAL, DIAGNOSTICS))
        stamp = sum((_stamp(path) if path.exists() else (0,) for path in beside), _stamp(folder / FILENAME))
        cached = self._pairs.get(folder)
        if cached is None or cached[0] != stamp:
            manifest = read_manifest(folder)
            if manifest.name != name:
                raise CheckFailedError(f"{folder} holds the pair {manifest.name}; give the folder that name.")
            digest = manifest.digest()
            cached = self._pairs[folder] = (
                stamp,
                PublishedPair(folder, manifest, digest, _record(folder, manifest, digest)),
            )
        return cached[1]

    def file(self, pair: PublishedPair, name: str) -> PublishedFile:
        """A file of a pair.

        Raises:
            NotPublishedError: the pair has no such file.
            CheckFailedError: it does not match the manifest.
        """
        path = pair.folder / name
        if name not in pair.files or not _lies_in(path, self.archive):
            raise NotPublishedError(f"The pair has no such file; it has {', '.join(pair.files)}.")
        if entry := pair.manifest.files.get(name):
            if path.stat().st_size != entry.bytes:
                raise CheckFailedError(
                    f"{path} has {path.stat().st_size} bytes; needed {entry.bytes}, by its manifest."
                )
            return PublishedFile(path, entry.sha256, immutable=True)
        return PublishedFile(path, self._digest(path), immutable=False)

    def _digest(self, path: Path) -> str:
        stamp = _stamp(path)
        cached = self._digests.get(path)
        if cached is None or cached[0] != stamp:
            cached = self._digests[path] = (stamp, file_digest(path))
        return cached[1]


def _record(folder: Path, manifest: Manifest, digest: str) -> PairDiagnosis | None:
    """A pair's record, which a damaged one does without."""
    if manifest.state is PairState.SEALED:
        return None
    try:
        return read_record(folder, digest)
    except CheckFailedError as error:
        _log.warning("%s", error)
        return None


def _stamp(path: Path) -> Stamp:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _lies_in(path: Path, root: Path) -> bool:
    return path.is_file() and path.resolve().is_relative_to(root.resolve())
