"""The source that a recipe names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from w1bench.errors import SourceError
from w1bench.recipes.recipe import Recipe
from w1bench.recipes.sources import BallSource, GeneratorSource, ImageSource, UniformSource
from w1bench.rng import stream
from w1bench.sources.images.celeba import CelebA, celeba
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
    """What the source of a recipe draws for tests and W1; None where its family draws targets itself.

    What is drawn to train on is `for_training` of it. An image generator runs on `device`.
    """
    half_width = recipe.half_width or 0.0
    match recipe.source:
        case None:
            return None
        case UniformSource(dim=dim):
            return UniformCube(dim, half_width)
        case BallSource(dim=dim, radius=radius):
            return UniformBall(dim, radius)
        case ImageSource(noise=noise):
            pictures, others = _pictures(recipe.source, recipe.key, device)
            return NoisyPictures(pictures, noise, half_width, others)
        case GeneratorSource(noise=noise):
            from w1bench.sources.generators.pushforward import (
                recipe_generator,  # here, because only generators need torch
            )

            return NoisyPictures(recipe_generator(recipe.source, device), noise, half_width)


def _pictures(source: ImageSource, key: int | str, device: str) -> tuple[Pictures, Pictures | None]:
    """Real pictures, or their twins by a generator; where some are held out, these and the others."""
    pictures = real_pictures(source)
    parts = (pictures, None) if source.held_out is None else hold_out(pictures, source.held_out, key)
    if source.generator is None:
        return parts
    from w1bench.sources.generators.projection import project

    tests, others = parts
    return project(tests, source.generator, device), others and project(others, source.generator, device)


def hold_out(pictures: Pictures, share: float, key: int | str) -> tuple[Pictures, Pictures]:
    """A share of the pictures, chosen by the recipe's seed, and the others.

    Raises:
        SourceError: one of the two has no picture.
    """
    assert isinstance(pictures, PictureTable | CelebA)  # recipes refuse it of patches
    count = len(pictures.table if isinstance(pictures, PictureTable) else pictures.names)
    if not 0 < (held := round(share * count)) < count:
        raise SourceError(
            f"source.held_out came as {share} for {count} pictures, which leaves none on one side; give a share from {1 / count:.2g} to {1 - 1 / count:.2g}."
        )
    order = stream(key, "held_out", 0).permutation(count)
    return _only(pictures, np.sort(order[:held])), _only(pictures, np.sort(order[held:]))


def _only(pictures: PictureTable | CelebA, which: NDArray[np.int64]) -> Pictures:
    if isinstance(pictures, PictureTable):
        return replace(pictures, table=pictures.table[which])
    return replace(pictures, names=tuple(pictures.names[i] for i in which))
