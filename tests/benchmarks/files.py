"""Files: writing and reading train.h5 through `w1bench.archive.hdf5` against raw writes and reads of the same bytes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from report import parse, publish, table
from timing import medians, once

from w1bench.archive import hdf5 as store
from w1bench.arrays import blocks
from w1bench.recipes.recipe import parse_recipe
from w1bench.transport.from_recipe import make_pair
from w1bench.transport.pair import Pair

_BYTES = 1 << 28  # of the two data sets together
_QUICK_BYTES = 1 << 24
_TILES = 8  # drawn; the rest of the rows repeats them, too far apart for gzip to notice
_BLOCK_BYTES = 1 << 23  # of a write: the rows of a shard
_READ_BYTES = (1 << 26, 1 << 22)  # of a read: a sampler's slab, a block as `store.blocks` makes them
_LAYOUTS = ("raw", "contiguous", "mapped", "gzip")
_PAIRS = {
    "vectors, D = 128": {
        "power": 8.0, "half_width": 2.5, "source": {"kind": "uniform", "dim": 128}, "funnel": {"count": 4},
    },
    "photographs, 3 x 32 x 32": {
        "power": 100.0, "half_width": 1.2, "source": {"kind": "images", "dataset": "photos", "noise": 0.01},
        "funnel": {"count": 4, "center_half_width": 1.0},
    },
}  # fmt: skip

_EXPLANATION = """\
Median MB a second for `input` and `target` together, in turn, and its ratio to the raw file's. Writes are in blocks of 8 MiB
into new files and end with fsync; reads are into new arrays from the page cache, in the samplers' slabs of 64 MiB and in
blocks of 4 MiB. Mapped: the contiguous file through `numpy.memmap` at `get_offset()`. gzip is level 1 with shuffle."""

Arrays = Mapping[str, NDArray[Any]]


def main() -> None:
    run = parse("files", __doc__)
    size = _QUICK_BYTES if run.quick else _BYTES
    rows = [row for name in _PAIRS for row in _measure(name, size)]
    reads = (f"read {block >> 20} MiB" for block in _READ_BYTES)
    header = ("train.h5", "layout", "MB", *(cell for what in ("write", *reads) for cell in (what, "ratio")))
    publish(run, "Files", [_EXPLANATION, table(header, rows)], packages=("w1bench", "h5py", "numpy"))


def _measure(name: str, size: int) -> list[tuple[object, ...]]:
    """Rows of the table for one pair."""
    arrays = _train(name, size)
    with tempfile.TemporaryDirectory() as folder:
        paths = {layout: Path(folder) / layout for layout in ("raw", "contiguous", "gzip")}
        writes = medians(
            {
                "raw": once(partial(_write_raw, paths["raw"], arrays)),
                "contiguous": once(partial(_write, paths["contiguous"], arrays, gzip=False)),
            },
            rounds=9,
        )
        # gzip takes so much longer that one look is enough.
        writes |= medians({"gzip": once(partial(_write, paths["gzip"], arrays, gzip=True))}, rounds=1)
        _check(paths, arrays)
        reads = [
            medians(
                {
                    "raw": once(partial(_read_raw, paths["raw"], arrays, block)),
                    "contiguous": once(partial(_read, paths["contiguous"], block)),
                    "mapped": once(partial(_read_mapped, paths["contiguous"], block)),
                    "gzip": once(partial(_read, paths["gzip"], block)),
                },
                rounds=5,
            )
            for block in _READ_BYTES
        ]
        weight = {layout: f"{path.stat().st_size / 1e6:.1f}" for layout, path in paths.items()}
    return [
        (
            name,
            layout,
            weight.get(layout, ""),
            *(cell for took in (writes, *reads) for cell in _speed(took, layout, size)),
        )
        for layout in _LAYOUTS
    ]


def _speed(took: Mapping[str, float], layout: str, size: int) -> tuple[str, str]:
    """MB a second, and the ratio to the raw file's; nothing where a layout has no such figure."""
    if layout not in took:
        return "", ""
    return f"{size / took[layout] / 1e6:.0f}", f"{took['raw'] / took[layout]:.2f}"


def _train(name: str, size: int) -> dict[str, NDArray[Any]]:
    """Inputs and targets of a pair, of `size` bytes together."""
    pair = make_pair(parse_recipe({"name": "files", **_PAIRS[name]}, origin="the benchmark"))
    row = pair.dim * pair.source.dtype.itemsize
    drawn = {
        "input": [_inputs(pair, tile) for tile in range(_TILES)],
        "target": [pair.targets("train.target", tile) for tile in range(_TILES)],
    }
    shape = (size // 2 // row, *pair.source.shape)
    return {role: np.resize(np.concatenate(tiles), shape) for role, tiles in drawn.items()}


def _inputs(pair: Pair, tile: int) -> NDArray[Any]:
    moved = np.empty((pair.rows, pair.dim), pair.source.dtype)
    pair.map.trace(pair.targets("train.input", tile), moved=moved)
    return moved


def _write(path: Path, arrays: Arrays, *, gzip: bool) -> None:
    path.unlink(missing_ok=True)
    first = arrays["input"]
    with store.create(
        path, store.specs(store.ROLES["train"], len(first), first.shape[1:], first.dtype), gzip=gzip
    ) as datasets:
        for block in blocks(first, _BLOCK_BYTES):
            for name, dataset in datasets.items():
                dataset[block] = arrays[name][block]
    _sync(path)


def _write_raw(path: Path, arrays: Arrays) -> None:
    path.unlink(missing_ok=True)
    with path.open("wb", buffering=0) as file:
        for values in arrays.values():
            for block in blocks(values, _BLOCK_BYTES):
                file.write(values[block].data)
    _sync(path)


def _read(path: Path, size: int) -> None:
    with store.open_file(path) as file:
        for dataset in file.values():
            for block in blocks(dataset, size):
                dataset[block]


def _read_mapped(path: Path, size: int) -> None:
    with store.open_file(path) as file:
        for dataset in file.values():
            values = np.memmap(path, dataset.dtype, "r", dataset.id.get_offset(), dataset.shape)
            for block in blocks(values, size):
                np.array(values[block])


def _read_raw(path: Path, arrays: Arrays, size: int) -> None:
    with path.open("rb", buffering=0) as file:
        for values in arrays.values():
            for block in blocks(values, size):
                np.fromfile(file, values.dtype, values[block].size)


def _check(paths: Mapping[str, Path], arrays: Arrays) -> None:
    """That the files hold what was written."""
    assert paths["raw"].read_bytes() == b"".join(values.tobytes() for values in arrays.values())
    for layout in ("contiguous", "gzip"):
        with store.open_file(paths[layout]) as file:
            for name, values in arrays.items():
                assert np.array_equal(file[name][...], values)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main()
