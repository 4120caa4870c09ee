"""Folder."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import h5py

from w1bench.archive import hdf5 as store
from w1bench.archive.commitment import REVEAL, read_reveal, revealed
from w1bench.archive.manifest import FileEntry, Manifest, read_published_manifest
from w1bench.errors import CheckFailedError
from w1bench.storage.files import file_digest


def check_digests(folder: Path, files: Mapping[str, FileEntry]) -> None:
    """Hold files of a folder against their sizes and SHA-256.

    Raises:
        CheckFailedError: the first file that is missing, truncated or changed.
    """
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            raise CheckFailedError(f"{path} is missing; fetch the pair again.")
        if (size := path.stat().st_size) != expected.bytes:
            word = "truncated" if size < expected.bytes else "too long"
            raise CheckFailedError(f"{path} is {word}: {size} bytes, needed {expected.bytes}; fetch it again.")
        if (digest := file_digest(path)) != expected.sha256:
            raise CheckFailedError(f"{path} was changed: SHA-256 {digest}, needed {expected.sha256}; fetch it again.")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a pair folder, of a sealed pair with what was revealed of it; raises as `read_published_manifest`, `read_reveal`."""
    manifest = read_published_manifest(folder)
    if manifest.sealed and (folder / REVEAL).is_file():
        return revealed(manifest, read_reveal(folder, manifest))
    return manifest


@contextmanager
def open_test(folder: Path, manifest: Manifest, *, truth: Path | None = None) -> Generator[Mapping[str, h5py.Dataset]]:
    """The data sets that scores are computed from, by name; what was kept back is in the folder `truth`, or beside the rest.

    Raises:
        PairError: the pair is sealed, or a file is missing.
        CheckFailedError: a file is damaged, or holds something else.
    """
    manifest.check_known()
    paths = {"test": folder / "test.h5"} | ({"truth": (truth or folder) / "truth.h5"} if manifest.sealed else {})
    with store.open_files(paths) as files:
        for role, file in files.items():
            store.check_file(file, role, manifest.specs(role))
        yield store.tables(files)["test"]
