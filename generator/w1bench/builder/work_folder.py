"""The places of a build: hidden folders that a kill may leave, and the rename that publishes a pair under its name at once."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from w1bench.archive import catalogue
from w1bench.archive.drafts import lock_of, unfinished
from w1bench.archive.manifest import FILENAME, Manifest
from w1bench.errors import PairError
from w1bench.recipes.recipe import Recipe
from w1bench.storage.backends import Storage
from w1bench.storage.files import exclusive, fsync, write_atomically

PINNED = "recipe.json"  # in the hidden folder: what is built there


@dataclass(frozen=True)
class BuildFolders:
    """Where pair `name` is built: in the folder `archive`, and in `truth` what is not published of a sealed pair."""

    archive: Path
    name: str
    truth: Path | None = None

    @property
    def final(self) -> Path:
        """The published pair."""
        return self.archive / self.name

    @property
    def kept(self) -> Path | None:
        """What is kept back of a sealed pair."""
        return self.truth and self.truth / self.name

    @property
    def work(self) -> Path:
        """The hidden folder with the recipe and the shards; those of a sealed pair hold its truth."""
        return unfinished(self.truth or self.archive, self.name)

    @property
    def public(self) -> Path:
        """The files to be published, until they are complete."""
        return unfinished(self.archive, self.name) / "pair"

    @property
    def secret(self) -> Path | None:
        """The files to be kept back, until they are complete."""
        return self.truth and self.work / "truth"

    def refuse_to_overwrite(self) -> None:
        if self.final.exists():
            raise PairError(
                f"{self.final} is published already, and a published pair is never edited; raise `version` and give the "
                "recipe a new name, or build into another archive."
            )

    @contextmanager
    def occupied(self) -> Generator[None]:
        """Make the folders, and keep other processes from building the pair for the block.

        Raises:
            PairError: another process is building it, or it has been published meanwhile.
        """
        if self.truth is not None:
            self.truth.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.archive.mkdir(parents=True, exist_ok=True)
        with ExitStack() as locks:
            for folder in {self.archive, self.work.parent}:
                busy = PairError(f"Another process is building {self.name} in {folder}; wait for it to end.")
                locks.enter_context(exclusive(lock_of(folder, self.name), busy))
            self.refuse_to_overwrite()
            yield

    def publish(self, manifest: Manifest) -> None:
        """Write the manifest last, bring everything to the disk, then give the folder its name."""
        write_atomically(self.public / FILENAME, manifest.text().encode())
        for path in self.public.iterdir():
            fsync(path)
        fsync(self.public)
        self.public.rename(self.final)
        fsync(self.archive)

    def tidy(self, storage: Storage) -> Path:
        """Remove what the published pair was made of, list the pair in the archive's index, and return its folder."""
        storage.clear()
        for folder in (self.work, self.public.parent):
            shutil.rmtree(folder, ignore_errors=True)
        catalogue.write_index(self.archive)
        return self.final


def open_work_folder(folders: BuildFolders, storage: Storage, recipe: Recipe, *, resume: bool) -> None:
    """Make the hidden folder, or resume the build of the same recipe in it; a folder without a shard counts as no build.

    Raises:
        PairError: it holds a build that is not to be resumed, or one of another recipe.
    """
    work, pinned = folders.work, folders.work / PINNED
    parts = [work / "shards", work / "pair", work / "truth"]
    begun = not storage.is_empty() or any(part.exists() for part in parts[1:])
    if not pinned.exists() and any(part.exists() for part in parts):
        raise PairError(
            f"{work} holds an unfinished build of an unknown recipe (no {PINNED}); remove that folder to start anew."
        )
    if begun and not resume:
        raise PairError(
            f"An unfinished build of {folders.name} lies in {work if work.exists() else storage}; resume it with --resume, or "
            "remove that folder to start anew."
        )
    if begun and pinned.exists() and pinned.read_text() != recipe.canonical():
        raise PairError(
            f"The unfinished build in {work} is of another recipe or other sizes; resume it with those, or remove that folder."
        )
    work.mkdir(mode=0o700 if folders.truth else 0o777, exist_ok=True)
    write_atomically(pinned, recipe.canonical().encode())


def emptied(folder: Path) -> Path:
    """The folder, without what a killed build was writing there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
