"""Shards: runs of tiles, computed anywhere in any order, each stored by itself until the files are assembled."""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from w1bench.archive import hdf5 as store
from w1bench.arrays import F64
from w1bench.errors import PairError
from w1bench.recipes.files import check_root
from w1bench.recipes.recipe import Recipe
from w1bench.rng import stream
from w1bench.storage.backends import Storage
from w1bench.transport.cost import tile_moments
from w1bench.transport.from_recipe import make_pair
from w1bench.transport.pair import Pair

DRAWN = ("train", "test", "probe")  # roles whose rows are drawn
COST = "cost"  # and rays drawn for W1 alone
_MOST_TILES = 8  # of a shard
_SHARD_BYTES = 1 << 21  # of an array of it: what a worker keeps in memory, once to four times
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Shard:
    """Tiles `start` to `stop` of a role's draws."""

    role: str
    start: int
    stop: int

    @property
    def filename(self) -> str:
        return f"{self.role}-{self.start:08d}-{self.stop:08d}.npz"


def tiles_per_shard(pair: Pair) -> int:
    """How many tiles make a shard that is worth a file, and keeps a worker's memory small."""
    return max(1, min(_MOST_TILES, _SHARD_BYTES // (pair.rows * pair.dim * pair.source.dtype.itemsize)))


def shards_of(pair: Pair, role: str, tiles: int) -> list[Shard]:
    """The shards that the rows of a role are drawn in, of so many tiles each."""
    return shards_between(role, 0, -(-getattr(pair.recipe.sizes, role) // pair.rows), tiles)


def shards_between(role: str, start: int, stop: int, tiles: int) -> list[Shard]:
    """Tiles `start` to `stop` of a role as shards of so many tiles each."""
    return [Shard(role, first, min(first + tiles, stop)) for first in range(start, stop, tiles)]


@dataclass(frozen=True)
class ShardWork:
    """Computes and stores shards. It is small, so that it can be sent to any process or machine, which makes the pair from its recipe."""

    recipe: Recipe
    storage: Storage
    device: str = "cpu"

    def __call__(self, shard: Shard) -> NDArray[np.float64]:
        """The moments of a shard, which is computed and stored unless it is stored intact.

        Raises:
            RecipeError: a file that the recipe names differs, on this machine, from the one that it pins.
        """
        if (stored := self._stored_moments(shard)) is not None:
            return stored
        pair, memory = self.pair_and_memory()
        arrays, moments = compute_shard(pair, shard, memory)
        with self.storage.create(shard.filename) as file:
            np.savez(file, allow_pickle=False, moments=moments, **arrays)
        return moments

    def pair_and_memory(self) -> tuple[Pair, ShardMemory]:
        """The pair of the recipe, and memory for shards; a process keeps both until it works on another recipe."""
        return _pair_and_memory(self)

    def _stored_moments(self, shard: Shard) -> NDArray[np.float64] | None:
        """The moments of a stored shard, or None where it is missing or damaged."""
        if (file := self.storage.open(shard.filename)) is None:
            return None
        with file:
            try:
                with zipfile.ZipFile(file) as archive_file:
                    if archive_file.testzip() is not None:
                        return None
                file.seek(0)
                with np.load(file, allow_pickle=False) as arrays:
                    return arrays["moments"]
            except Exception:  # noqa: BLE001 - a damaged archive may make the reader raise anything
                return None


def fill(datasets: Mapping[str, h5py.Dataset], shards: Sequence[Shard], storage: Storage, tile: int) -> None:
    """Write the arrays of stored shards, whose tiles have `tile` rows, to their places in data sets.

    Raises:
        PairError: a shard is missing or damaged.
    """
    for shard in shards:
        with _arrays(storage, shard) as arrays:
            for name, dataset in datasets.items():
                start = shard.start * tile
                rows = min(len(dataset) - start, (shard.stop - shard.start) * tile)
                dataset[start : start + rows] = arrays[name][:rows].reshape(rows, *dataset.shape[1:])


@contextmanager
def _arrays(storage: Storage, shard: Shard) -> Generator[Mapping[str, NDArray[Any]]]:
    """The arrays of a stored shard, each read on access."""
    try:
        if (file := storage.open(shard.filename)) is None:
            raise FileNotFoundError
        with file, np.load(file, allow_pickle=False) as arrays:
            yield arrays
    except (FileNotFoundError, EOFError, KeyError, ValueError, zipfile.BadZipFile):
        raise PairError(
            f"Shard {shard.filename} in {storage} is missing or damaged; resume the build with --resume, which computes it again."
        ) from None


class ShardMemory(threading.local):
    """Memory for the arrays of a shard, one for each thread; it is reused, because fresh memory costs as much as filling it."""

    def __init__(self) -> None:
        self._arrays: dict[tuple[str, store.Spec], NDArray[Any]] = {}

    def arrays(self, specs: Mapping[str, store.Spec]) -> Arrays:
        """Arrays of these shapes and dtypes with arbitrary content."""
        if not set(specs.items()) <= set(self._arrays):
            self._arrays = {(name, spec): np.empty(spec.shape, spec.dtype) for name, spec in specs.items()}
        return {name: self._arrays[name, spec] for name, spec in specs.items()}


def compute_shard(pair: Pair, shard: Shard, memory: ShardMemory) -> tuple[Arrays, NDArray[np.float64]]:
    """The arrays of a shard's rows, in `memory`, and the moments of its rays tile by tile, (tiles, 3)."""
    tiles = range(shard.start, shard.stop)
    if shard.role == COST:
        return {}, np.stack([tile_moments(pair.cost_terms(COST, tile)) for tile in tiles])
    specs = store.specs(store.ROLES[shard.role], len(tiles) * pair.rows, (pair.dim,), pair.source.dtype)
    arrays = memory.arrays(specs)
    moments: list[NDArray[np.float64]] = []
    for number, tile in enumerate(tiles):
        rows = slice(number * pair.rows, (number + 1) * pair.rows)
        cost = _TILES[shard.role](pair, tile, {name: array[rows] for name, array in arrays.items()})
        moments.append(tile_moments(cost))
    return arrays, np.stack(moments)


def _train_tile(pair: Pair, tile: int, out: Arrays) -> F64:
    """Independent draws of P and of Q; the partners of the inputs are not kept."""
    pair = pair.training
    cost = pair.move("train.input", tile, pair.targets("train.input", tile), moved=out["input"])
    out["target"][:] = pair.targets("train.target", tile)
    return cost


def _test_tile(pair: Pair, tile: int, out: Arrays) -> F64:
    """Inputs with their truth, and independent targets."""
    out["transported"][:] = pair.targets("test.input", tile)
    cost = pair.move(
        "test.input", tile, out["transported"],
        moved=out["input"], gradient=out["gradient"], potential=out["input_potential"],
    )  # fmt: skip
    out["target"][:] = pair.targets("test.target", tile)
    out["target_potential"][:] = -pair.map.potential.value(out["target"])
    return cost


def _probe_tile(pair: Pair, tile: int, out: Arrays) -> F64:
    """z = t y + (1 - t) x for independent x ~ P, y ~ Q and t uniform on [0, 1], as a gradient penalty draws them."""
    moved = np.empty((pair.rows, pair.dim))
    cost = pair.move("probe.input", tile, pair.targets("probe.input", tile), moved=moved)
    t = stream(pair.recipe.key, "probe.mix", tile).random((pair.rows, 1))
    out["interpolate"][:] = t * pair.targets("probe.target", tile) + (1 - t) * moved
    return cost


_TILES = {"train": _train_tile, "test": _test_tile, "probe": _probe_tile}


@lru_cache(maxsize=1)
def _pair_and_memory(work: ShardWork) -> tuple[Pair, ShardMemory]:
    check_root(work.recipe)
    return make_pair(work.recipe, device=work.device), ShardMemory()
