"""What a sealed pair holds, read with what is kept back of it."""

from __future__ import annotations

import numpy as np

from support.recipes import Sealed
from w1bench.archive import hdf5 as store
from w1bench.archive.commitment import read_reveal
from w1bench.archive.manifest import read_published_manifest
from w1bench.recipes.recipe import Recipe

OTHER = "f" * 64


def truth_of(pair: Sealed) -> dict[str, np.ndarray]:
    """The data sets that are kept back, by name."""
    with store.open_file(pair.kept / "truth.h5") as truth, store.open_file(pair.kept / "funnel.h5") as funnel:
        return {name: dataset[:] for file in (truth, funnel) for name, dataset in store.datasets(file).items()}


def rows_of(pair: Sealed, role: str) -> dict[str, np.ndarray]:
    """The published data sets of a role, by name."""
    with store.open_file(pair.folder / f"{role}.h5") as file:
        return {name: dataset[:] for name, dataset in store.datasets(file).items()}


def recipe_of(pair: Sealed) -> Recipe:
    """The whole recipe."""
    return read_reveal(pair.kept, read_published_manifest(pair.folder)).full_recipe()
