"""manifest.json: what a pair is, readable without HDF5."""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from math import isfinite, prod
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from w1bench.archive import hdf5 as store
from w1bench.archive.citation import CITATION
from w1bench.errors import CheckFailedError, PairError, RecipeError
from w1bench.recipes.fields import DIGEST_PATTERN, NAME_PATTERN
from w1bench.recipes.recipe import Family, PublicRecipe, Recipe, parse_public_recipe, parse_recipe
from w1bench.storage.canonical import first_fault, worded

FILENAME = "manifest.json"
SECRET = ("funnels", "dominated_funnels", "w1", "w1_stderr", "w1_rays")  # of a sealed pair, until it is revealed
KEPT_BACK = (*SECRET, "w1_exact", "profile")  # the same, with what not every pair has
_Digest = Annotated[str, Field(pattern=DIGEST_PATTERN)]
_NotNegative = Annotated[float, Field(ge=0)]
_Count = Annotated[int, Field(ge=1)]
_Share = Annotated[float, Field(ge=0, le=1 + 1e-6)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Place(_Part):
    """Where a contiguous data set lies in its file: row i begins at `offset` + i times the bytes of a row, whose values have numpy's `dtype`."""

    offset: Annotated[int, Field(ge=0)]
    dtype: Annotated[str, Field(pattern=worded(r"^<[fi][48]$", "<f4, <f8, <i4 or <i8"))]
    shape: tuple[_Count, ...]


class FileEntry(_Part):
    """A file's size and digests; `places` of its data sets where they are not compressed, for those who read by byte ranges."""

    bytes: Annotated[int, Field(ge=0)]
    sha256: _Digest
    logical_digest: _Digest
    places: dict[str, Place] | None = None


class Profile(_Part):
    """What the true gradient is made of, over the rows of the role `test`."""

    radial: _Share  # |mean cosine between grad f* and x - the inputs' mean|
    constant: _Share  # ||mean of grad f*||
    effective: Annotated[
        float, Field(ge=1)
    ]  # exp of the entropy of the mass per sector, else of the gradient's spectrum
    centred: Annotated[int, Field(ge=0)] | None = None  # inputs that are a funnel's centre to the last bit


class Figure(BaseModel):
    """One figure of a certificate; it holds if `value` is at most `limit`, and never if it is NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")

    name: str
    value: float
    limit: float
    meaning: str

    @property
    def holds(self) -> bool:
        return self.value <= self.limit  # False for NaN


class PairState(StrEnum):
    """Who knows the truth of a pair: everyone from the start, nobody but its owner, or everyone since it was revealed."""

    OPEN = "open"
    SEALED = "sealed"
    REVEALED = "revealed"


class KnownW1(NamedTuple):
    """W1, its standard error, and over how many rays it was averaged."""

    value: float
    stderr: float
    rays: int


class Manifest(_Part):
    """Everything about a pair but its arrays; W1 and what is known of the funnels are absent while the pair is sealed.

    `half_width` is that of a cube, or the radius of a ball, that holds all points. W1 in closed form has no error and no rays.
    """

    format: Literal["w1bench-pair"] = store.FORMAT
    format_version: _Count = store.FORMAT_VERSION
    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    version: _Count
    family: Family = "funnel"
    sealed: bool = False
    commitment: _Digest | None = None  # of a sealed pair: see `commitment.Reveal`
    shape: tuple[_Count, ...]
    dtype: Literal["float32", "float64"]
    funnels: _Count | None = None
    dominated_funnels: Annotated[int, Field(ge=0)] | None = None
    power: Annotated[float, Field(ge=1)] | None = None
    half_width: Annotated[float, Field(gt=0)]
    w1: _NotNegative | None = None
    w1_stderr: _NotNegative | None = None
    w1_rays: Annotated[int, Field(ge=0)] | None = None
    w1_exact: _NotNegative | None = None  # by a quadrature, of pairs whose `w1` is an average over rays
    profile: Profile | None = None
    recipe: dict[str, Any]
    recipe_sha256: _Digest
    files: dict[str, FileEntry]
    certificate: tuple[Figure, ...]
    licence: str
    citation: str = CITATION
    software: dict[str, str]

    @property
    def dim(self) -> int:
        return prod(self.shape)

    @property
    def state(self) -> PairState:
        """Whether the truth is known, as far as this manifest says."""
        if not self.sealed:
            return PairState.OPEN
        return PairState.SEALED if self.w1 is None else PairState.REVEALED

    def check_known(self) -> None:
        """Raise a PairError if the pair is sealed and not yet revealed."""
        if self.state is PairState.SEALED:
            raise PairError(
                f"{self.name} is sealed: its truth is not known until it is revealed. Submit to the service that has it "
                f"(w1bench submit {self.name} FILE --method NAME), or fetch it again when it is revealed."
            )

    @property
    def known_w1(self) -> KnownW1:
        """W1 with its error; raises as `check_known`."""
        self.check_known()
        assert self.w1 is not None
        assert self.w1_stderr is not None
        assert self.w1_rays is not None
        return KnownW1(self.w1, self.w1_stderr, self.w1_rays)

    def public_recipe(self) -> PublicRecipe:
        """The part of the recipe that is published also of a sealed pair."""
        published = {name: value for name, value in self.recipe.items() if name in PublicRecipe.model_fields}
        return parse_public_recipe(published, origin=f"the manifest of {self.name}")

    def full_recipe(self) -> Recipe:
        """The recipe as a model; raises as `check_known`."""
        self.check_known()
        return parse_recipe(self.recipe, origin=f"the manifest of {self.name}")

    def digest(self) -> str:
        """SHA-256 over the pair's name, version and logical digests: what a score is a score of.

        Of a sealed pair, over those that it has from the beginning, and the commitment: revealing it changes nothing.
        """
        files = {f"{role}.h5": self.files[f"{role}.h5"] for role in store.SEALED_ROLES} if self.sealed else self.files
        lines = [
            f"{self.name} {self.version}",
            *(f"{n} {e.logical_digest}" for n, e in sorted(files.items())),
            *([f"commitment {self.commitment}"] if self.sealed else []),
        ]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    @property
    def contents(self) -> Mapping[str, tuple[str, ...]]:
        """The names of the data sets in each of the pair's files, which are named without .h5."""
        if self.state is PairState.SEALED:
            return store.SEALED_ROLES
        family = store.family_specs(self.full_recipe(), self.shape, self.funnels)
        drawn = store.SEALED_ROLES | store.TRUTH_ROLES if self.sealed else store.ROLES
        return drawn | {file: tuple(specs) for file, specs in family.items()}

    def datasets(self, role: str) -> dict[str, str]:
        """The file that holds each data set of a role: {"input": "test.h5", "gradient": "truth.h5", ...} of a revealed pair."""
        return {
            name: f"{file}.h5" for file in self.contents if store.role_of(file) == role for name in self.contents[file]
        }

    def rows(self, file: str) -> int:
        """Rows of the data sets in a file that holds draws."""
        return int(getattr(self.public_recipe().sizes, store.role_of(file)))

    def specs(self, file: str) -> dict[str, store.Spec]:
        """The data sets in a file, with their shapes and dtypes."""
        if file in store.FAMILY_FILES:
            return store.family_specs(self.full_recipe(), self.shape, self.funnels)[file]
        return store.specs(self.contents[file], self.rows(file), self.shape, np.dtype(self.dtype))

    def attributes(self, file: str) -> dict[str, str | int | float]:
        """The root attributes of a file; W1 is among them unless the file was published before W1 was."""
        hidden = self.sealed and file in store.SEALED_ROLES
        return store.root_attributes(
            file, name=self.name, version=self.version, recipe_sha256=self.recipe_sha256, half_width=self.half_width,
            licence=self.licence, citation=self.citation, software=self.software, w1=None if hidden else self.known_w1[:2],
            family=self.family,
        )  # fmt: skip

    def text(self) -> str:
        """The file's content."""
        return self.model_dump_json(indent=1, exclude_none=True) + "\n"


def places_in(path: Path) -> dict[str, Place] | None:
    """The places of the data sets in a file of a pair; None where they are compressed."""
    with store.open_file(path) as file:
        found = store.places(file)
    if found is None:
        return None
    return {n: Place(offset=at, dtype=spec.dtype.str, shape=spec.shape) for n, (at, spec) in found.items()}


def read_published_manifest(folder: Path) -> Manifest:
    """The manifest of a pair folder.

    Raises:
        PairError: the folder has none.
        CheckFailedError: it is damaged, or of a newer format.
    """
    path = folder / FILENAME
    if not path.is_file():
        raise PairError(f"{folder} is not a pair's folder: it has no {FILENAME}. Build one, or fetch it by its name.")
    return parse_manifest(path.read_bytes(), origin=str(path))


def parse_manifest(content: bytes, *, origin: str) -> Manifest:
    """A manifest from its text.

    Raises:
        CheckFailedError: it is damaged, or of a newer format.
    """
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        raise CheckFailedError(
            f"{origin} is damaged: {first_fault(error, 'the document')}. Fetch the pair again."
        ) from None
    if manifest.format_version > store.FORMAT_VERSION:
        raise CheckFailedError(
            f"{origin} has format version {manifest.format_version}, this w1bench reads up to {store.FORMAT_VERSION}; "
            "upgrade w1bench."
        )
    try:
        sealed = manifest.sealed and parse_public_recipe(manifest.recipe, origin=f"the manifest of {manifest.name}")
        recipe = sealed or manifest.full_recipe()
    except RecipeError as error:
        raise CheckFailedError(f"{origin} is damaged: {error} Fetch the pair again.") from None
    if not all(isfinite(figure.value) and isfinite(figure.limit) for figure in manifest.certificate):
        raise CheckFailedError(
            f"{origin} is damaged: its certificate holds figures that are not numbers. Fetch the pair again."
        )
    if manifest.format_version == 1:
        manifest = manifest.model_copy(update={"family": recipe.family})
    known = {name for name in SECRET if getattr(manifest, name) is not None}
    of_funnels = {"funnels", "dominated_funnels"} if isinstance(recipe, Recipe) and recipe.funnel else set[str]()
    needed = set[str]() if manifest.sealed else {"w1", "w1_stderr", "w1_rays"} | of_funnels
    if known != needed or manifest.sealed == (manifest.commitment is None) or manifest.family != recipe.family:
        raise CheckFailedError(
            f"{origin} is damaged: a sealed pair has a commitment and none of {', '.join(SECRET)}, an open one these alone "
            f"(the numbers of funnels where its family has funnels), and both have the family of their recipe. Fetch the pair again."
        )
    needed = {f"{role}.h5" for role in manifest.contents}
    if set(manifest.files) != needed or "w1bench" not in manifest.software:
        raise CheckFailedError(
            f"{origin} is damaged: it names the files {sorted(manifest.files)} and the software {sorted(manifest.software)}; "
            f"needed: {sorted(needed)}, and the version of w1bench. Fetch the pair again."
        )
    return manifest
