"""The source that a recipe names."""

from __future__ import annotations

from pathlib import Path

from w1bench.errors import SourceError
from w1bench.recipes.recipe import Recipe
from w1bench.recipes.sources import BallSource, GeneratorSource, ImageSource, UniformSource
from w1bench.sources.images.celeba import celeba
from w1bench.sources.images.cifar10 import cifar10_pixels
from w1bench.sources.images.digits import digits
from w1bench.sources.images.photographs import CELEBA_CROP, CELEBA_SIZE, photograph_patches
from w1bench.sources.pictures import NoisyPictures, Pictures, PictureTable, centred
from w1bench.sources.source import Source
from w1bench.sources.uniform import UniformBall, UniformCube

_PATCH_SIZE = 32


def real_pictures(source: ImageSource) -> Pictures:
    """The pictures of a recipe's data set.

    Raises:
        SourceError: they are missing, truncated or mixed up; the sentence says what to download and where to put it.
        MissingExtraError: those that a library carries are not installed.
    """
    match source.dataset:
        case "photos":
            if source.root is None and source.sha256 is not None:
                raise SourceError(
                    f"The recipe's photographs are those with SHA-256 {source.sha256}, and it does not say where they lie; "
                    "give source.root."
                )
            return photograph_patches(source.root, source.size or _PATCH_SIZE)
        case "digits":
            return digits()
        case "cifar10":
            return PictureTable(centred(cifar10_pixels(_root(source))))
        case "celeba":
            return celeba(_root(source), crop=source.crop or CELEBA_CROP, size=source.size or CELEBA_SIZE)


def _root(source: ImageSource) -> Path:
    if source.root is None:
        raise SourceError(
            f"source.root is missing; {source.dataset} must be downloaded: give the path of its archive or folder."
        )
    return Path(source.root)


def make_source(recipe: Recipe, *, device: str = "cpu") -> Source | None:
    """What the source of a recipe draws; None where its family draws targets itself. An image generator runs on `device`."""
    half_width = recipe.half_width or 0.0
    match recipe.source:
        case None:
            return None
        case UniformSource(dim=dim):
            return UniformCube(dim, half_width)
        case BallSource(dim=dim, radius=radius):
            return UniformBall(dim, radius)
        case ImageSource(noise=noise):
            return NoisyPictures(_pictures(recipe.source, device), noise, half_width)
        case GeneratorSource(noise=noise):
            from w1bench.sources.generators.pushforward import (
                recipe_generator,  # here, because only generators need torch
            )

            return NoisyPictures(recipe_generator(recipe.source, device), noise, half_width)


def _pictures(source: ImageSource, device: str) -> Pictures:
    """Real pictures, or their twins by a generator."""
    if source.generator is None:
        return real_pictures(source)
    from w1bench.sources.generators.projection import project

    return project(real_pictures(source), source.generator, device)
