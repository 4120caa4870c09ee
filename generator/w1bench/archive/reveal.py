"""Reveal: what was kept back of a sealed pair is published beside it; nothing that was published changes.

The pair is revealed when reveal.json is there, which comes last: a reveal that was killed is made again.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from w1bench.archive import catalogue as archive
from w1bench.archive import commitment as seal
from w1bench.archive.folder import check_digests, read_manifest
from w1bench.archive.manifest import Manifest, read_published_manifest
from w1bench.errors import PairError
from w1bench.storage.files import atomic_write, exclusive, write_atomically


def reveal(folder: Path, truth: Path) -> Manifest:
    """Publish what `truth`/NAME holds in the pair's folder, bring the archive's index up to date, and return the whole manifest.

    Raises:
        PairError: the pair is open; or its truth is not in `truth`; or another process reveals it.
        CheckFailedError: the truth is not what was committed to.
    """
    manifest = read_published_manifest(folder)
    if not manifest.sealed:
        raise PairError(f"{manifest.name} is open: there is nothing to reveal.")
    busy = PairError(f"Another process reveals {manifest.name}; wait for it to end.")
    with exclusive(folder.parent / f".{folder.name}.lock", busy):
        for stale in folder.glob(".*.tmp"):  # of a process that was killed
            stale.unlink()
        if not (folder / seal.REVEAL).exists():
            kept = truth / manifest.name
            found = seal.read_reveal(kept, manifest)
            check_digests(kept, found.truth.files)
            for name in found.truth.files:
                with (kept / name).open("rb") as source, atomic_write(folder / name) as copy:
                    shutil.copyfileobj(source, copy)
            check_digests(folder, found.truth.files)
            write_atomically(folder / seal.REVEAL, found.text().encode())
        whole = read_manifest(folder)
    archive.write_index(folder.parent)
    return whole
