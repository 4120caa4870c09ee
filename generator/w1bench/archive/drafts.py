"""Builds under way: the hidden folders and locks that they have in an archive."""

import shutil
from contextlib import suppress
from pathlib import Path

import filelock

from w1bench.archive.manifest import FILENAME, read_published_manifest
from w1bench.recipes.recipe import Recipe


def is_published(archive: Path, recipe: Recipe) -> bool:
    """Whether the pair of exactly this recipe is published."""
    folder = archive / recipe.name
    return (folder / FILENAME).is_file() and read_published_manifest(folder).recipe_sha256 == recipe.sha256()


def unfinished(archive: Path, name: str) -> Path:
    """The hidden folder of a running or interrupted build, whose recipe is in its recipe.json."""
    return archive / f".{name}.building"


def lock_of(archive: Path, name: str) -> Path:
    """The file that a process keeps locked while it builds a pair."""
    return archive / f".{name}.lock"


def discard_unfinished(archive: Path, recipe: Recipe) -> None:
    """Remove the unfinished build of a recipe, or a build's folder without a shard, unless a process is building it."""
    folder = unfinished(archive, recipe.name)
    with suppress(filelock.Timeout), filelock.FileLock(lock_of(archive, recipe.name), timeout=0):
        if is_unfinished(archive, recipe) or not any((folder / part).exists() for part in ("shards", "pair")):
            shutil.rmtree(folder, ignore_errors=True)


def is_unfinished(archive: Path, recipe: Recipe) -> bool:
    """Whether there is an unfinished build of exactly this recipe."""
    pinned = unfinished(archive, recipe.name) / "recipe.json"
    return pinned.is_file() and pinned.read_text() == recipe.canonical()
