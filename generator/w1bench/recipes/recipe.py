"""Recipe: everything that determines a pair, as fields with their ranges; its canonical JSON is hashed."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from w1bench.errors import RecipeError
from w1bench.recipes.fields import NAME_PATTERN, RESERVED, Count, Digest, Part, Positive, Power, SampleSize
from w1bench.recipes.funnels import DrawnFunnels, PublishedFunnels
from w1bench.recipes.sources import BallSource, GeneratorFile, ImageSource, Source
from w1bench.storage.canonical import canonical, first_fault


class Sizes(Part):
    """Rows of each file, and the least number of rays that W1 is averaged over."""

    train: SampleSize = 50_000
    test: SampleSize = 10_000
    probe: Count = 2_000
    w1_rays: Count | None = None


class PublicRecipe(Part):
    """The part of a recipe that a sealed pair publishes: everything but the funnels, and what they and the samples are drawn from."""

    name: str
    version: int = 1
    power: Power
    half_width: Positive
    source: Source
    sizes: Sizes = Sizes()


class Recipe(Part):
    """A pair of distributions: the source Q, its funnels, and the power of the map that makes P of it."""

    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    version: Annotated[int, Field(ge=1)] = 1
    power: Power
    half_width: Positive
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    secret: Digest | None = None  # of a sealed pair: 256 random bits, without which nothing can be drawn again
    source: Source
    funnel: DrawnFunnels | PublishedFunnels
    sizes: Sizes = Sizes()

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        funnel, source = self.funnel, self.source
        if self.name in RESERVED:
            raise ValueError(f"name came as {self.name}, which is a file beside the pairs of an archive; give another")
        if isinstance(source, BallSource) and self.half_width != source.radius:
            raise ValueError(
                f"half_width came as {self.half_width} with a ball of radius {source.radius}; "
                "a ball pair needs both equal"
            )
        if isinstance(funnel, DrawnFunnels):
            if (funnel.center_half_width or 0) > self.half_width:
                raise ValueError(
                    f"funnel.center_half_width came as {funnel.center_half_width}, outside the cube of half width "
                    f"{self.half_width}; centres must lie inside the cube"
                )
            if funnel.centers == "origin" and funnel.count != 1:
                raise ValueError(f'funnel.count came as {funnel.count}; centers = "origin" needs count = 1')
            if isinstance(source, BallSource) and funnel.centers == "uniform":
                raise ValueError('a ball needs funnel.centers = "origin" or "source", so that centres lie in it')
        return self

    @property
    def generator(self) -> GeneratorFile | None:
        """The image generator that the source draws from or projects on, if any."""
        source = self.source
        return (
            source.generator
            if isinstance(source, ImageSource)
            else source
            if isinstance(source, GeneratorFile)
            else None
        )

    @property
    def key(self) -> int | str:
        """What random streams are derived from: the seed, or the seed with the secret."""
        return self.seed if self.secret is None else f"{self.seed}/{self.secret}"

    def published(self, *, sealed: bool = False) -> dict[str, Any]:
        """The fields that a manifest holds; of a sealed pair those of its `PublicRecipe`."""
        hidden = set(Recipe.model_fields) - set(PublicRecipe.model_fields) if sealed else set[str]()
        return self.model_dump(mode="json", exclude_none=True, exclude=hidden)

    def canonical(self) -> str:
        """The one JSON text of this recipe: sorted keys, no spaces, absent options left out."""
        return canonical(self.published())

    def sha256(self) -> str:
        """SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()

    def with_secret(self) -> Recipe:
        """This recipe with a secret, drawn now unless it has one.

        Raises:
            RecipeError: its funnels are not drawn from the secret, so that it would hide nothing.
        """
        funnel = self.funnel
        if isinstance(funnel, PublishedFunnels) or funnel.stream == "torch" or funnel.centers == "origin":
            raise RecipeError(
                f"The funnels of {self.name} are known to all (a file, the origin, or torch's stream, which has 32 bits); "
                "seal a recipe with funnel.count and centers that are drawn."
            )
        return self if self.secret else self.model_copy(update={"secret": secrets.token_hex(32)})

    def placed(self, *, root: Path | None = None, checkpoint: Path | None = None) -> Recipe:
        """This recipe, read from where places are left out, with its pictures and generator where they lie here.

        Raises:
            RecipeError: its source has none.
        """
        source, generator = self.source, self.generator
        if (root and not (isinstance(source, ImageSource) and source.sha256)) or (checkpoint and generator is None):
            raise RecipeError(
                f"{root or checkpoint} came for {self.name}, whose source is not read from there; leave it out."
            )
        if root:
            source = source.model_copy(update={"root": str(root)})
        if checkpoint and generator is not None:
            placed = generator.model_copy(update={"path": str(checkpoint)})
            source = placed if generator is source else source.model_copy(update={"generator": placed})
        return self.model_copy(update={"source": source})

    def with_sizes(self, **sizes: int | None) -> Recipe:
        """This recipe with other sizes; None leaves one as it is.

        Raises:
            RecipeError: a size is not a positive number.
        """
        given = {name: size for name, size in sizes.items() if size is not None}
        try:
            return self.model_copy(update={"sizes": Sizes.model_validate(self.sizes.model_dump() | given)})
        except ValidationError as error:
            raise RecipeError(f"In the sizes given: sizes.{first_fault(error, 'sizes')}.") from None


def parse_recipe(values: dict[str, Any], *, origin: str) -> Recipe:
    """A recipe from its fields; `origin` says in an error where they came from.

    Raises:
        RecipeError: a field is missing, unknown or out of range; the sentence names the first one.
    """
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise RecipeError(f"In {origin}: {first_fault(error, 'the recipe')}.") from None


def parse_public_recipe(values: dict[str, Any], *, origin: str) -> PublicRecipe:
    """What a sealed pair publishes of its recipe, from its fields; raises as `parse_recipe`."""
    try:
        return PublicRecipe.model_validate(values)
    except ValidationError as error:
        raise RecipeError(f"In {origin}: {first_fault(error, 'the recipe')}.") from None
