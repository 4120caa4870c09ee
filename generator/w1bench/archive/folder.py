"""The folder of a pair as it stands, revealed or not: its manifest, its digests, and what scores are computed from."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import h5py

from w1bench.archive import hdf5 as store
from w1bench.archive.commitment import REVEAL, read_reveal, revealed
from w1bench.archive.manifest import FILENAME, FileEntry, Manifest, PairState, read_published_manifest
from w1bench.errors import CheckFailedError
from w1bench.storage.files import file_digest

DIAGNOSTICS = "diagnostics.json"  # of pairs that were built since there are diagnostics, while they are not sealed
_BESIDE = (FILENAME, "README.md", "croissant.json", "preview.png", DIAGNOSTICS, REVEAL)


def names_of(folder: Path, manifest: Manifest) -> tuple[str, ...]:
    """The names of a pair's files: its data, and what lies beside them; nothing that an interrupted reveal has copied."""
    hidden = {DIAGNOSTICS, REVEAL} if manifest.state is PairState.SEALED else set[str]()
    return (*manifest.files, *(name for name in _BESIDE if name not in hidden and (folder / name).is_file()))


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
    """The data sets of the role `test` by name, for scoring, and the probe points, `interpolate`, where they were fetched; the truth of a sealed pair is
    read from the folder `truth`, if given.

    Raises:
        PairError: the pair is sealed, or a file is missing.
        CheckFailedError: a file is damaged, or holds something else.
    """
    manifest.check_known()
    names = {name.removesuffix(".h5") for name in manifest.datasets("test").values()}
    names |= {"probe"} if (folder / "probe.h5").is_file() else set()
    kept_back = names & set(store.KEPT_BACK)
    paths = {name: (truth or folder if name in kept_back else folder) / f"{name}.h5" for name in sorted(names)}
    with store.open_files(paths) as files:
        for name, file in files.items():
            store.check_file(file, name, manifest.specs(name))
        tables = store.tables(files)
        yield {**tables["test"], **tables.get("probe", {})}
