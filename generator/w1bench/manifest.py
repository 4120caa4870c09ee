"""manifest.json: what a pair is, readable without HDF5."""

from __future__ import annotations

import hashlib
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from w1bench import store
from w1bench.errors import CheckFailedError, PairError
from w1bench.recipe import BallSource, Recipe, parse_recipe

FILENAME = "manifest.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileEntry(_Part):
    """A file's size and digests."""

    bytes: int
    sha256: str
    logical_digest: str


class Figure(_Part):
    """One figure of a certificate: it holds when `value` is at most `limit`."""

    name: str
    value: float
    limit: float
    meaning: str

    @property
    def holds(self) -> bool:
        return self.value <= self.limit  # False for NaN


class Manifest(_Part):
    """Everything about a pair but its arrays."""

    format: str = store.FORMAT
    format_version: int = store.FORMAT_VERSION
    name: str
    version: int
    sealed: bool = False
    shape: tuple[int, ...]
    dtype: str
    funnels: int
    dominated_funnels: int
    power: float
    half_width: float
    w1: float
    w1_stderr: float
    w1_rays: int
    recipe: dict[str, Any]
    recipe_sha256: str
    files: dict[str, FileEntry]
    certificate: tuple[Figure, ...]
    licence: str
    citation: str = store.CITATION
    software: dict[str, str]

    @property
    def dim(self) -> int:
        return prod(self.shape)

    def full_recipe(self) -> Recipe:
        """The recipe as a model."""
        return parse_recipe(self.recipe, origin=f"the manifest of {self.name}")

    def is_ball(self) -> bool:
        return isinstance(self.full_recipe().source, BallSource)

    def digest(self) -> str:
        """SHA-256 over the pair's name, version and logical digests: what a score is a score of."""
        lines = [
            f"{self.name} {self.version}",
            *(f"{n} {e.logical_digest}" for n, e in sorted(self.files.items())),
        ]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def rows(self, role: str) -> int:
        """Rows of a role's data sets."""
        return self.funnels if role == "funnel" else int(getattr(self.full_recipe().sizes, role))

    def specs(self, role: str) -> dict[str, store.Spec]:
        """The data sets of a role's file."""
        return store.specs(role, self.rows(role), self.shape, np.dtype(self.dtype))

    def attributes(self, role: str) -> dict[str, str | int | float]:
        """The root attributes of a role's file."""
        return {
            "format": self.format,
            "format_version": self.format_version,
            "name": self.name,
            "version": self.version,
            "role": role,
            "recipe_sha256": self.recipe_sha256,
            "w1": self.w1,
            "w1_stderr": self.w1_stderr,
            "half_width": self.half_width,
            "licence": self.licence,
            "citation": self.citation,
            "software": self.software["w1bench"],
        }

    def text(self) -> str:
        """The file's content."""
        return self.model_dump_json(indent=1) + "\n"


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a pair folder.

    Raises:
        PairError: there is none.
        CheckFailedError: it is damaged, or of a newer format.
    """
    path = folder / FILENAME
    if not path.is_file():
        raise PairError(f"{folder} is no pair: it has no {FILENAME}. Build one, or fetch it by its name.")
    return parse_manifest(path.read_bytes(), origin=str(path))


def parse_manifest(content: bytes, *, origin: str) -> Manifest:
    """A manifest from its text.

    Raises:
        CheckFailedError: it is damaged, or of a newer format.
    """
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        raise CheckFailedError(f"{origin} is damaged: {where}: {first['msg']}. Fetch the pair again.") from None
    if manifest.format_version > store.FORMAT_VERSION:
        raise CheckFailedError(
            f"{origin} has format version {manifest.format_version}, this w1bench reads up to {store.FORMAT_VERSION}; "
            "upgrade w1bench."
        )
    return manifest
