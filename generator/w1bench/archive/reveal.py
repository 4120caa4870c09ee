"""Revealing a sealed pair: its truth is published beside it, and nothing that was published changes.

reveal.json is written last, and a pair without it is sealed, so that an interrupted reveal can be repeated.
"""

import shutil
from pathlib import Path

from w1bench.archive import catalogue as archive
from w1bench.archive import commitment as seal
from w1bench.archive.folder import DIAGNOSTICS, check_digests, read_manifest
from w1bench.archive.manifest import Manifest, read_published_manifest
from w1bench.errors import PairError
from w1bench.storage.files import atomic_write, exclusive, write_atomically


def reveal(folder: Path, truth: Path) -> Manifest:
    """Publish the truth in `truth`/NAME beside its pair, update the archive's index, and return the completed manifest.

    Raises:
        PairError: the pair is not sealed, its truth is not in `truth`, or another process is revealing it.
        CheckFailedError: the truth is not what was committed to.
    """
    manifest = read_published_manifest(folder)
    if not manifest.sealed:
        raise PairError(f"{manifest.name} is open: there is nothing to reveal.")
    busy = PairError(f"Another process is revealing {manifest.name}; wait for it to end.")
    with exclusive(folder.parent / f".{folder.name}.lock", busy):
        for stale in folder.glob(".*.tmp"):  # of a process that was killed
            stale.unlink()
        if not (folder / seal.REVEAL).exists():
            kept = truth / manifest.name
            kept_back = seal.read_reveal(kept, manifest)
            check_digests(kept, kept_back.truth.files)
            for name in kept_back.truth.files:
                with (kept / name).open("rb") as source, atomic_write(folder / name) as copy:
                    shutil.copyfileobj(source, copy)
            check_digests(folder, kept_back.truth.files)
            if (kept / DIAGNOSTICS).is_file():  # pairs that were sealed earlier have none
                write_atomically(folder / DIAGNOSTICS, (kept / DIAGNOSTICS).read_bytes())
            write_atomically(folder / seal.REVEAL, kept_back.text().encode())
        whole = read_manifest(folder)
    archive.write_index(folder.parent)
    return whole
