"""Staging."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from w1bench.archive import catalogue as archive
from w1bench.archive.manifest import FILENAME, Manifest
from w1bench.errors import PairError
from w1bench.recipes.recipe import Recipe
from w1bench.storage.backends import Storage
from w1bench.storage.files import fsync, write_atomically

PINNED = "recipe.json"  # in the hidden folder: what is built there


def tidy(archive_folder: Path, final: Path, made_in: Iterable[Path], storage: Storage) -> Path:
    """What is left to do for a published pair: remove what it was made of, and list it."""
    storage.clear()
    for folder in made_in:
        shutil.rmtree(folder, ignore_errors=True)
    archive.write_index(archive_folder)
    return final


def refuse_to_overwrite(final: Path) -> None:
    if final.exists():
        raise PairError(
            f"{final} is published already, and a published pair is never edited; raise `version` and give the recipe "
            "a new name, or build into another archive."
        )


def elsewhere(recipe: Recipe, archive_folder: Path) -> PairError:
    return PairError(f"Another process is building {recipe.name} in {archive_folder}; wait for it to end.")


def open_work_folder(work: Path, storage: Storage, recipe: Recipe, *, resume: bool) -> None:
    """Make the hidden folder, or go on in one of the same recipe; one without a shard, as a refusal leaves it, is as good as none."""
    parts = ("shards", "pair", "truth")
    pinned, begun = work / PINNED, not storage.is_empty() or any((work / part).exists() for part in parts[1:])
    if not pinned.exists() and any((work / part).exists() for part in parts):
        raise PairError(
            f"{work} holds an unfinished build of an unknown recipe (no recipe.json); remove that folder to start anew."
        )
    if begun and not resume:
        place = work if work.exists() else storage
        raise PairError(
            f"An unfinished build of {recipe.name} lies in {place}; go on with --resume, or remove that folder to start anew."
        )
    if begun and pinned.exists() and pinned.read_text() != recipe.canonical():
        raise PairError(
            f"The unfinished build in {work} is of another recipe or other sizes; resume it with those, or remove that folder."
        )
    work.mkdir(mode=0o700 if recipe.secret else 0o777, exist_ok=True)
    write_atomically(pinned, recipe.canonical().encode())


def empty(folder: Path) -> Path:
    """The folder, without what a killed build was writing."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def publish(manifest: Manifest, folder: Path, final: Path) -> None:
    """The manifest last, everything on disk, then the name."""
    write_atomically(folder / FILENAME, manifest.text().encode())
    for path in folder.iterdir():
        fsync(path)
    fsync(folder)
    folder.rename(final)
    fsync(final.parent)
