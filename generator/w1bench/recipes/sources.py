"""The part of a recipe that determines the distribution Q."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from w1bench.recipes.fields import Digest, FileName, Noise, Part, Positive


class UniformSource(Part):
    """The uniform distribution on the cube."""

    kind: Literal["uniform"]
    dim: Annotated[int, Field(ge=1, le=10**6)]


class BallSource(Part):
    """The uniform distribution on the ball of `radius` about the origin."""

    kind: Literal["ball"]
    dim: Annotated[int, Field(ge=1, le=10**6)]
    radius: Positive


class GeneratorFile(Part):
    """An image generator of latents z ~ N(0, I): the file of its weights or program, and what it is."""

    checkpoint: FileName
    path: str | None = Field(None, exclude=True)  # where it lies, under this name or another
    sha256: Digest
    architecture: str
    latent: Annotated[int, Field(ge=1, le=65536)] = 128


class Projection(GeneratorFile):
    """The generator that real pictures go through, and the Adam steps that look for each one's latent."""

    steps: Annotated[int, Field(ge=1, le=10_000)] = 200


class ImageSource(Part):
    """Real pictures with pixels in [-1, 1], plus normal noise of standard deviation `noise`."""

    kind: Literal["images"]
    dataset: Literal["photos", "digits", "cifar10", "celeba"]
    noise: Noise
    root: str | None = Field(None, exclude=True)  # where the pictures lie; photos and digits: a library carries some
    sha256: Digest | None = None  # of what lies there
    size: Annotated[int, Field(ge=4, le=512)] | None = None  # side of photograph patches (32) and CelebA pictures (64)
    crop: Annotated[int, Field(ge=4, le=178)] | None = None  # side of a CelebA picture's centre that is resized (140)
    held_out: Annotated[float, Field(gt=0, lt=1)] | None = None  # share of the pictures, for tests and W1 alone
    through: Literal["projection"] | None = None  # in place of each picture, the nearest that `generator` makes
    generator: Projection | None = None

    @model_validator(mode="after")
    def _rooted(self) -> ImageSource:
        if self.dataset in ("digits", "cifar10") and self.size is not None:
            raise ValueError(f"size came as {self.size}; the pictures of {self.dataset} have a fixed size")
        if self.dataset != "celeba" and self.crop is not None:
            raise ValueError(f"crop came as {self.crop}; it goes with celeba")
        if self.dataset == "photos" and self.held_out is not None:
            raise ValueError(
                f"held_out came as {self.held_out} with photos, whose patches overlap, and whose photographs are too few to be of one law; "
                "it goes with digits, cifar10 and celeba"
            )
        if self.dataset == "digits" and self.root is not None:
            raise ValueError("root goes with the other data sets; digits are those that scikit-learn carries")
        if (self.through is None) != (self.generator is None):
            raise ValueError('through = "projection" goes with a table [source.generator], and needs one')
        if self.root is not None and self.sha256 is None:
            raise ValueError(
                "root came without the sha256 of what lies there; read the recipe from a file, which adds it"
            )
        return self


class GeneratorSource(GeneratorFile):
    """Pictures of a generator, plus normal noise of standard deviation `noise`."""

    kind: Literal["generator"]
    noise: Noise


Source = Annotated[UniformSource | BallSource | ImageSource | GeneratorSource, Field(discriminator="kind")]
