"""Samplers: endless batches of P and of Q for training, from stored rows or drawn afresh; batch k is a function of k.

A file is read in slabs of consecutive rows, their order and the rows inside each shuffled anew every epoch, so that reading stays
sequential.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from w1bench.arrays import Array
from w1bench.rng import fast_stream, stream
from w1bench.transport.pair import Pair

_SLAB_BYTES = 1 << 26
_INPUTS = "sampler.input/{}"  # the stream of the targets that are moved to inputs
Sampler = Callable[[int], Tensor]


def from_rows(rows: Any, batch: int, *, seed: int, purpose: str, device: torch.device | str = "cpu") -> Sampler:
    """Shuffled batches of stored rows (an HDF5 data set or an array), without end; float32 on `device`."""
    count = len(rows)
    slab_rows = min(count, max(1, _SLAB_BYTES // (rows.dtype.itemsize * int(np.prod(rows.shape[1:], dtype=int)))))
    slabs = -(-count // slab_rows)

    @lru_cache(maxsize=2)
    def slab(epoch: int, place: int) -> NDArray[np.float32]:
        which = int(stream(seed, f"slabs/{purpose}", epoch).permutation(slabs)[place])
        values = np.asarray(rows[which * slab_rows : (which + 1) * slab_rows], np.float32)
        return values[stream(seed, f"rows/{purpose}/{epoch}", which).permutation(len(values))]

    @lru_cache(maxsize=4)
    def starts(epoch: int) -> NDArray[np.int64]:
        """Where each slab of an epoch begins in its order; the last slab of a file may be short."""
        order = stream(seed, f"slabs/{purpose}", epoch).permutation(slabs)
        lengths = np.minimum(slab_rows, count - order * slab_rows)
        return np.concatenate([[0], np.cumsum(lengths)])

    def draw(k: int) -> Tensor:
        epoch, position = divmod(k * batch, count)
        parts: list[NDArray[np.float32]] = []
        missing = batch
        while missing:
            place = int(np.searchsorted(starts(epoch), position, side="right")) - 1
            part = slab(epoch, place)[position - starts(epoch)[place] :][:missing]
            parts.append(part)
            missing -= len(part)
            position += len(part)
            if position == count:
                epoch, position = epoch + 1, 0
        return torch.from_numpy(np.concatenate(parts)).to(device)

    return draw


def fresh_inputs(pair: Pair, batch: int, *, seed: int, device: torch.device | str = "cpu") -> Sampler:
    """Fresh draws of P in every batch; float32 on `device`."""

    def tile(index: int) -> Array:
        moved = np.empty((pair.rows, pair.dim), np.float32)
        purpose = _INPUTS.format(seed)
        pair.move(purpose, index, _draws(pair, purpose, index), moved=moved, single=True)
        return moved

    return _tiled(pair, tile, batch, device)


def fresh_partners(pair: Pair, batch: int, *, seed: int, device: torch.device | str = "cpu") -> Sampler:
    """The targets whose images `fresh_inputs` draws in the same batch; float32 on `device`."""
    return _tiled(pair, lambda tile: _draws(pair, _INPUTS.format(seed), tile), batch, device)


def fresh_targets(pair: Pair, batch: int, *, seed: int, device: torch.device | str = "cpu") -> Sampler:
    """Fresh draws of Q in every batch; float32 on `device`."""
    return _tiled(pair, lambda tile: _draws(pair, f"sampler.target/{seed}", tile), batch, device)


@contextmanager
def ahead(*samplers: Sampler) -> Generator[tuple[Sampler, ...]]:
    """The same samplers, whose batch k + 1 is drawn in a thread while batch k is learned from."""
    with ThreadPoolExecutor(1) as pool:
        try:
            yield tuple(_ahead(sampler, pool) for sampler in samplers)
        finally:
            pool.shutdown(cancel_futures=True)


def _ahead(sampler: Sampler, pool: ThreadPoolExecutor) -> Sampler:
    drawn: dict[int, Future[Tensor]] = {}

    def draw(k: int) -> Tensor:
        batch = drawn.pop(k, None) or pool.submit(sampler, k)
        drawn.clear()
        drawn[k + 1] = pool.submit(sampler, k + 1)
        return batch.result()

    return draw


def _draws(pair: Pair, purpose: str, tile: int) -> Array:
    """Draws of Q in a stream of the samplers' own, (rows, D)."""
    rng = fast_stream(pair.recipe.key, purpose, tile)
    return pair.source.draw(rng, pair.rows).reshape(pair.rows, pair.dim)


def _tiled(pair: Pair, tile_of: Callable[[int], Array], batch: int, device: torch.device | str) -> Sampler:
    tile = lru_cache(maxsize=2)(tile_of)

    def draw(k: int) -> Tensor:
        parts: list[Array] = []
        position, end = k * batch, (k + 1) * batch
        while position < end:
            index, offset = divmod(position, pair.rows)
            parts.append(tile(index)[offset : offset + end - position])
            position += len(parts[-1])
        values = np.asarray(parts[0] if len(parts) == 1 else np.concatenate(parts), np.float32)
        return torch.from_numpy(values.reshape(batch, *pair.source.shape)).to(device)

    return draw
