"""The commitment of a sealed pair: a hash that fixes the truth before anyone is told of it, and reveal.json, which opens it.

The truth is reveal.json, truth.h5 and what the family has of funnel.h5 and potential.h5: outside of the archive until the pair is revealed, and in the
pair's own folder afterwards. The commitment is SHA-256(salt || recipe || truth digest): 32 random
bytes, the canonical JSON of the full recipe, and the SHA-256 of the canonical JSON of `Truth`.
"""

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from w1bench.archive.manifest import KEPT_BACK, Figure, FileEntry, Manifest, Profile
from w1bench.errors import CheckFailedError, InputError, PairError
from w1bench.recipes.fields import DIGEST_PATTERN
from w1bench.recipes.recipe import Recipe, parse_recipe
from w1bench.storage.canonical import canonical, first_fault

REVEAL = "reveal.json"
FORMAT = "w1bench-reveal"
FORMAT_VERSION = 1


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Truth(_Part):
    """What is kept back of a sealed pair: figures and files, and the logical digests of the published files that they go with."""

    published: dict[str, str]
    files: dict[str, FileEntry]
    funnels: int | None = None
    dominated_funnels: int | None = None
    w1: float
    w1_stderr: float
    w1_rays: int
    w1_exact: float | None = None
    profile: Profile | None = None
    certificate: tuple[Figure, ...]

    def digest(self) -> bytes:
        """SHA-256 of its canonical JSON."""
        return hashlib.sha256(canonical(self.model_dump(mode="json", exclude_none=True)).encode()).digest()


class Reveal(_Part):
    """The content of reveal.json: what a sealed pair commits to."""

    format: Literal["w1bench-reveal"] = FORMAT
    format_version: Literal[1] = FORMAT_VERSION
    salt: Annotated[str, Field(pattern=DIGEST_PATTERN)]
    recipe: dict[str, Any]
    truth: Truth

    def commitment(self) -> str:
        """The hash that the manifest of the sealed pair publishes."""
        recipe = canonical(self.recipe).encode()
        return hashlib.sha256(bytes.fromhex(self.salt) + recipe + self.truth.digest()).hexdigest()

    def full_recipe(self) -> Recipe:
        """The recipe as a model, with the secret."""
        return parse_recipe(self.recipe, origin=REVEAL)

    def text(self) -> str:
        """The file's content."""
        return self.model_dump_json(indent=1, exclude_none=True) + "\n"


def salt_of(secret: str) -> str:
    """The salt of a commitment, derived from the recipe's secret, so that a resumed build has the same; without the secret it is random."""
    return hashlib.sha256(f"salt/{secret}".encode()).hexdigest()


def read_reveal(folder: Path, manifest: Manifest) -> Reveal:
    """The reveal.json of a sealed pair in the folder that keeps it, checked against the pair's commitment.

    Raises:
        PairError: the folder has none.
        CheckFailedError: it is damaged, or not what the manifest commits to.
    """
    path = folder / REVEAL
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise PairError(
            f"{folder} does not hold the truth of {manifest.name}: it has no {REVEAL}; give the --truth folder that "
            "the pair was built with."
        ) from None
    return parse_reveal(content, manifest, origin=str(path))


def parse_reveal(content: bytes, manifest: Manifest, *, origin: str) -> Reveal:
    """The content of a reveal.json, checked as by `read_reveal`; `origin` is named in errors."""
    try:
        reveal = Reveal.model_validate_json(content)
    except ValidationError as error:
        raise CheckFailedError(
            f"{origin} is damaged: {first_fault(error, 'the document')}. Fetch or copy it again."
        ) from None
    if reveal.commitment() != manifest.commitment:
        raise CheckFailedError(
            f"{origin} is not what {manifest.name} committed to: it comes to {reveal.commitment()}, the manifest says "
            f"{manifest.commitment}. One of the two was changed."
        )
    published = {name: entry.logical_digest for name, entry in manifest.files.items()}
    recipe = reveal.full_recipe()
    if (reveal.truth.published, recipe.sha256(), recipe.published(sealed=True)) != (
        published,
        manifest.recipe_sha256,
        manifest.recipe,
    ):
        raise CheckFailedError(
            f"{origin} is the truth of other files or of another recipe than {manifest.name} publishes; its manifest was edited."
        )
    return reveal


def revealed(manifest: Manifest, reveal: Reveal) -> Manifest:
    """The manifest of a sealed pair, completed with what was kept back."""
    truth = {name: getattr(reveal.truth, name) for name in (*KEPT_BACK, "certificate")}
    return manifest.model_copy(
        update={**truth, "recipe": reveal.recipe, "files": {**manifest.files, **reveal.truth.files}}
    )


def check_apart(truth: Path, *folders: Path) -> None:
    """Raise an InputError if the folder that keeps truths back lies inside one that others can read."""
    for folder in folders:
        if truth.resolve().is_relative_to(folder.resolve()):
            raise InputError(
                f"The truth cannot be kept in {truth}, which is inside of {folder}, where others read; give a folder apart."
            )
