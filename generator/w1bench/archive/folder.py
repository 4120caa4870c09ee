"""The folder of a pair as it stands, revealed or not: its manifest, its digests, and what scores are computed from."""

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
    """Check the files of a folder against their sizes and SHA-256.

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
    """The manifest of a pair's folder, completed with what was revealed; raises as `read_published_manifest` and `read_reveal`."""
    manifest = read_published_manifest(folder)
    if manifest.sealed and (folder / REVEAL).is_file():
        return revealed(manifest, read_reveal(folder, manifest))
    return manifest


@contextmanager
def open_test(folder: Path, manifest: Manifest, *, truth: Path | None = None) -> Generator[Mapping[str, h5py.Dataset]]:
    """The data sets of the role `test` by name, for scoring; the truth of a sealed pair is read from the folder `truth`, if given.

    Raises:
        PairError: the pair is sealed, or a file is missing.
        CheckFailedError: a file is damaged, or holds something else.
    """
    manifest.check_known()
    names = {name.removesuffix(".h5") for name in manifest.datasets("test").values()}
    kept_back = names & set(store.KEPT_BACK)
    paths = {name: (truth or folder if name in kept_back else folder) / f"{name}.h5" for name in sorted(names)}
    with store.open_files(paths) as files:
        for name, file in files.items():
            store.check_file(file, name, manifest.specs(name))
        yield store.tables(files)["test"]
