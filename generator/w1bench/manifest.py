"""manifest.json: what a pair is, readable without HDF5."""

from __future__ import annotations

import hashlib
from math import isfinite, prod
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from w1bench import store
from w1bench.errors import CheckFailedError, PairError, RecipeError
from w1bench.recipe import NAME_PATTERN, BallSource, Recipe, parse_recipe

FILENAME = "manifest.json"


_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_NotNegative = Annotated[float, Field(ge=0)]
_Count = Annotated[int, Field(ge=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class FileEntry(_Part):
    """A file's size and digests."""

    bytes: Annotated[int, Field(ge=0)]
    sha256: _Digest
    logical_digest: _Digest


class Figure(BaseModel):
    """One figure of a certificate: it holds when `value` is at most `limit`, and never where it is not a number."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")

    name: str
    value: float
    limit: float
    meaning: str

    @property
    def holds(self) -> bool:
        return self.value <= self.limit  # False for NaN


class Manifest(_Part):
    """Everything about a pair but its arrays."""

    format: Literal["w1bench-pair"] = store.FORMAT
    format_version: _Count = store.FORMAT_VERSION
    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    version: _Count
    sealed: bool = False
    shape: tuple[_Count, ...]
    dtype: Literal["float32", "float64"]
    funnels: _Count
    dominated_funnels: Annotated[int, Field(ge=0)]
    power: Annotated[float, Field(ge=1)]
    half_width: Annotated[float, Field(gt=0)]
    w1: _NotNegative
    w1_stderr: _NotNegative
    w1_rays: _Count
    recipe: dict[str, Any]
    recipe_sha256: _Digest
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
    try:
        manifest.full_recipe()
    except RecipeError as error:
        raise CheckFailedError(f"{origin} is damaged: {error} Fetch the pair again.") from None
    if not all(isfinite(figure.value) and isfinite(figure.limit) for figure in manifest.certificate):
        raise CheckFailedError(
            f"{origin} is damaged: its certificate holds figures that are no numbers. Fetch the pair again."
        )
    needed = {f"{role}.h5" for role in store.ROLES}
    if set(manifest.files) != needed or "w1bench" not in manifest.software:
        raise CheckFailedError(
            f"{origin} is damaged: it names the files {sorted(manifest.files)} and the software {sorted(manifest.software)}; "
            f"needed: {sorted(needed)}, and the version of w1bench. Fetch the pair again."
        )
    return manifest
