"""The catalogue of an archive: its published pairs, and the index files that let any static host serve them."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import filelock
from pydantic import BaseModel, ConfigDict

from w1bench.archive.folder import DIAGNOSTICS, read_manifest
from w1bench.archive.hdf5 import KEPT_BACK
from w1bench.archive.manifest import FILENAME, Manifest, PairState
from w1bench.errors import CheckFailedError, PairError
from w1bench.storage.files import file_digest, write_atomically

CATALOGUE = "catalogue.json"
_log = logging.getLogger(__name__)


class Entry(BaseModel):
    """A pair's entry in the catalogue, to which newer versions may add fields. W1 and the number of funnels of a sealed pair are None."""

    model_config = ConfigDict(extra="allow")

    name: str
    version: int
    shape: list[int]
    dim: int
    family: str = "funnel"
    funnels: int | None
    power: float | None
    w1: float | None
    w1_stderr: float | None
    w1_exact: float | None = None
    sizes: dict[str, int]
    bytes: int
    sealed: bool
    revealed: bool = False
    digest: str


class Listed(NamedTuple):
    """The size and SHA-256 of a file in an index."""

    bytes: int
    sha256: str


def published(archive: Path) -> list[Path]:
    """The folders of an archive's published pairs, sorted by name, without unfinished builds.

    Raises:
        PairError: the archive is not a folder.
    """
    if not archive.is_dir():
        raise PairError(f"{archive} is not a folder; give the archive's folder, or build a pair into it first.")
    return sorted(p for p in archive.iterdir() if not p.name.startswith(".") and (p / FILENAME).is_file())


def entry(manifest: Manifest) -> Entry:
    """The catalogue's entry for a pair."""
    return Entry(
        name=manifest.name,
        version=manifest.version,
        shape=list(manifest.shape),
        dim=manifest.dim,
        family=manifest.family,
        funnels=manifest.funnels,
        power=manifest.power,
        w1=manifest.w1,
        w1_stderr=manifest.w1_stderr,
        w1_exact=manifest.w1_exact,
        sizes={role: manifest.rows(role) for role in ("train", "test", "probe")},
        bytes=sum(file.bytes for file in manifest.files.values()),
        sealed=manifest.sealed,
        revealed=manifest.state is PairState.REVEALED,
        digest=manifest.digest(),
    )


def manifests(archive: Path) -> dict[Path, Manifest]:
    """The manifests of all published pairs, by folder; damaged pairs are logged and left out."""
    intact: dict[Path, Manifest] = {}
    for folder in published(archive):
        try:
            manifest = read_manifest(folder)
        except CheckFailedError as error:
            _log.warning("%s is left out: %s", folder, error)
            continue
        if manifest.name == folder.name:
            intact[folder] = manifest
        else:
            _log.warning("%s is left out: it holds the pair %s; give the folder that name.", folder, manifest.name)
    return intact


def catalogue(archive: Path) -> list[Entry]:
    """The entries of all published pairs."""
    return [entry(manifest) for manifest in manifests(archive).values()]


def listed(folder: Path, manifest: Manifest) -> dict[str, Listed]:
    """The files of a pair by name: its data and its descriptions, without web pages and hidden files.

    What an interrupted reveal has copied is left out, because the pair is still sealed.
    """
    files: dict[str, Listed] = {}
    kept_back = (
        {DIAGNOSTICS, *(f"{role}.h5" for role in KEPT_BACK)} if manifest.state is PairState.SEALED else set[str]()
    )
    for path in sorted(path for path in folder.iterdir() if path.is_file() and path.name not in kept_back):
        if stored := manifest.files.get(path.name):
            files[path.name] = Listed(stored.bytes, stored.sha256)
        elif not path.is_symlink() and not path.name.startswith(".") and path.suffix != ".html":
            files[path.name] = Listed(path.stat().st_size, file_digest(path))
    return files


def index(pairs: Mapping[Path, Manifest]) -> dict[str, bytes]:
    """The files at an archive's root: catalogue.json, registry.txt (`path sha256:...`, as pooch reads it), SHA256SUMS."""
    entries = [entry(manifest).model_dump() for manifest in pairs.values()]
    lines = [
        (f"{folder.name}/{name}", file.sha256)
        for folder, manifest in pairs.items()
        for name, file in listed(folder, manifest).items()
    ]
    return {
        CATALOGUE: (json.dumps({"pairs": entries}, indent=1) + "\n").encode(),
        "registry.txt": "".join(f"{path} sha256:{digest}\n" for path, digest in lines).encode(),
        "SHA256SUMS": "".join(f"{digest}  {path}\n" for path, digest in lines).encode(),
    }


def write_index(archive: Path) -> None:
    """Write the files of `index` for all published pairs."""
    with filelock.FileLock(archive / ".lock"):
        for name, content in index(manifests(archive)).items():
            write_atomically(archive / name, content)
