"""A recipe: everything that determines a pair, as fields with their ranges; its canonical JSON is hashed."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from w1bench.errors import RecipeError
from w1bench.recipes.consistency import check_family, check_funnels
from w1bench.recipes.families import Attenuation, Ellipsoid, Late, Product, Shift, Spike
from w1bench.recipes.fields import NAME_PATTERN, RESERVED, Count, Digest, Line, Part, Positive, Power, SampleSize
from w1bench.recipes.funnels import DrawnFunnels, PublishedFunnels
from w1bench.recipes.sources import GeneratorFile, ImageSource, Source
from w1bench.storage.canonical import canonical, first_fault

Family = Literal["funnel", "ball", "attenuation", "smooth", "shift", "product", "spiked", "late"]


class Sizes(Part):
    """Rows of each file, and the least number of rays that W1 is averaged over."""

    train: SampleSize = 50_000
    test: SampleSize = 10_000
    probe: Count = 2_000
    w1_rays: Count | None = None


class About(Part):
    """What a recipe says of its pair besides what determines it; a line each."""

    description: Line | None = None
    author: Line | None = None
    licence: Line | None = None


class PublicRecipe(Part):
    """The part of a recipe that a sealed pair publishes: everything but the funnels, the seed and the secret."""

    name: str
    version: int = 1
    power: Power | None = None
    half_width: Positive | None = None
    source: Source | None = None
    attenuation: Attenuation | None = None
    smooth: Ellipsoid | None = None
    shift: Shift | None = None
    product: Product | None = None
    spike: Spike | None = None
    late: Late | None = None
    sizes: Sizes = Sizes()
    about: About | None = None

    @property
    def held_out(self) -> float | None:
        """The share of the pictures that tests show and training never does; None where both have one law."""
        return self.source.held_out if isinstance(self.source, ImageSource) else None

    @property
    def family(self) -> Family:
        """The name of the family: of the last operation, or of the potential where there is none."""
        if self.late or self.spike or self.product:
            return "late" if self.late else "spiked" if self.spike else "product"
        return "attenuation" if self.attenuation else "smooth" if self.smooth else "shift" if self.shift else "funnel"


class Recipe(PublicRecipe):
    """A pair of distributions: the source Q, and the family of the map that makes P of it.

    One table says what the potential is: `funnel`, `attenuation`, `smooth` or `shift`. `product`, `spike` and `late`
    make another pair of that one.
    """

    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    version: Count = 1
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    secret: Digest | None = None  # of a sealed pair: 256 random bits, without which nothing can be drawn again
    funnel: DrawnFunnels | PublishedFunnels | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        if self.name in RESERVED:
            raise ValueError(f"name came as {self.name}, which is a file beside the pairs of an archive; give another")
        check_family(self)
        if self.funnel is not None:
            check_funnels(self)
        return self

    @property
    def family(self) -> Family:
        """As of `PublicRecipe`, with `ball` for a funnel of one cone at the origin."""
        ball = isinstance(self.funnel, DrawnFunnels) and self.funnel.centers == "origin"
        return "ball" if ball and super().family == "funnel" else super().family

    @property
    def generator(self) -> GeneratorFile | None:
        """The image generator that the source draws from or projects on, if it has one."""
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
        if isinstance(funnel, PublishedFunnels) or (
            funnel and (funnel.stream == "torch" or funnel.centers == "origin")
        ):
            raise RecipeError(
                f"The funnels of {self.name} are known to all (a file, the origin, or torch's stream, which has 32 bits); "
                "seal a recipe with funnel.count and centers that are drawn."
            )
        rotated, rank = self.smooth and self.smooth.rotated, self.attenuation and self.attenuation.rank
        if not (funnel or self.spike or rotated or rank):
            raise RecipeError(
                f"The potential of {self.name} is known to all who know its family; seal a recipe with drawn funnels, with a table "
                'spike, with smooth.rotated = true, or with attenuation.keep = "random".'
            )
        return self if self.secret else self.model_copy(update={"secret": secrets.token_hex(32)})

    def placed(self, *, root: Path | None = None, checkpoint: Path | None = None) -> Recipe:
        """This recipe with the places of its pictures and its generator on this machine, which canonical JSON leaves out.

        Raises:
            RecipeError: its source does not have them.
        """
        source, generator = self.source, self.generator
        if (root and not (isinstance(source, ImageSource) and source.sha256)) or (checkpoint and generator is None):
            raise RecipeError(
                f"{root or checkpoint} was given for {self.name}, whose source is not read from there; leave it out."
            )
        if root and isinstance(source, ImageSource):
            source = source.model_copy(update={"root": str(root)})
        if checkpoint and generator is not None:
            placed = generator.model_copy(update={"path": str(checkpoint)})
            source = placed if generator is source else source and source.model_copy(update={"generator": placed})
        return self.model_copy(update={"source": source})

    def with_sizes(self, **sizes: int | None) -> Recipe:
        """This recipe with other sizes; None leaves one as it is.

        Raises:
            RecipeError: a size is not a positive number.
        """
        changed = {name: size for name, size in sizes.items() if size is not None}
        try:
            return self.model_copy(update={"sizes": Sizes.model_validate(self.sizes.model_dump() | changed)})
        except ValidationError as error:
            raise RecipeError(f"Among the sizes: sizes.{first_fault(error, 'sizes')}.") from None


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
