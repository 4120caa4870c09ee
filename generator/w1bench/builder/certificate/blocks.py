"""The data sets of a pair by blocks of flat rows, and the largest deviations found in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from w1bench.arrays import F64, RowArray, blocks
from w1bench.recipes.recipe import PublicRecipe
from w1bench.recipes.sources import BallSource
from w1bench.sources.domains import Ball, Cube, Domain

SIGMAS = 5.5  # of every statistical limit: a false alarm in 26 million
POINTS = ("input", "target", "transported", "interpolate")  # data sets of points of the domain
Files = Mapping[str, Mapping[str, RowArray]]  # role -> data sets


@dataclass
class Largest:
    """Running maxima by name, NaN above all."""

    values: dict[str, float] = field(default_factory=dict[str, float])

    def take(self, name: str, values: Any) -> None:
        # numpy's maximum, unlike Python's, never loses a NaN.
        self.values[name] = float(np.maximum(self.values.get(name, -np.inf), np.max(values)))


def domain_of(recipe: PublicRecipe, half_width: float) -> Domain:
    """The set that all points of a pair lie in, as far as is published: the ball of its source, or else a cube."""
    in_ball = isinstance(recipe.source, BallSource) and recipe.half_width == half_width and not recipe.product
    return Ball(half_width) if in_ball else Cube(half_width)


def blockwise(compute: Callable[..., F64], *tables: RowArray) -> F64:
    """`compute` over the flat rows of `tables`, block by block: (n,)."""
    parts = [compute(*(flat_rows(table[rows]) for table in tables)) for rows in blocks(tables[0])]
    return np.concatenate(parts)


def distances(x: F64, y: F64) -> F64:
    return np.linalg.norm(y - x, axis=1)


def rounding_of(dtype: np.dtype[Any]) -> float:
    """What rounding may leave of a figure that is 0 exactly: that of the computation, or of the stored points."""
    return 1e-12 if dtype == np.float64 else 1e-6


def flat_rows(points: Any) -> F64:
    return np.asarray(points, np.float64).reshape(len(points), -1)
