"""Slices: some rows of a pair's data set, for clients without an HDF5 reader."""

import io
import json
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.concurrency import run_in_threadpool

from w1bench.archive import hdf5 as store
from w1bench_server.admission_control import Client, Turns
from w1bench_server.errors import ProblemError
from w1bench_server.pairs.catalogue import PublishedPair

LARGEST_BYTES = 64_000_000
_TEXT_BYTES = 25  # of a float64 written out, and its comma
_BLOCK_BYTES = 1 << 20
_TEXT_BLOCK_BYTES = 1 << 15  # of numbers: writing them out holds the interpreter for a few milliseconds


class Form(StrEnum):
    """The format of a slice."""

    npy = "npy"
    json = "json"
    csv = "csv"


MEDIA_TYPES = {Form.npy: "application/octet-stream", Form.json: "application/json", Form.csv: "text/csv; charset=utf-8"}


@dataclass(frozen=True)
class Slice:
    """Rows `start` to `stop` of `dataset` in `file` of a pair."""

    pair: PublishedPair
    file: str
    dataset: str
    start: int
    stop: int
    spec: store.Spec

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.stop - self.start, *self.spec.shape[1:])


def take(pair: PublishedPair, file: str, dataset: str, start: int, stop: int | None, form: Form) -> Slice:
    """The slice that was asked for, checked against the pair and the size limit; a `stop` beyond the last row means the end.

    Raises:
        ProblemError: 404 where the pair has no such data set, 422 where it has no such rows, 413 where they are too many.
    """
    if file not in pair.manifest.files:
        raise ProblemError(404, f"The pair has no such data file; it has {', '.join(pair.manifest.files)}.")
    specs = pair.manifest.specs(file.removesuffix(".h5"))
    if dataset not in specs:
        raise ProblemError(404, f"{file} has no such data set; it has {', '.join(specs)}.")
    spec = specs[dataset]
    end = min(spec.shape[0], stop if stop is not None else spec.shape[0])
    if start >= end:
        raise ProblemError(
            422, f"start must be below stop and below {spec.shape[0]}, the rows of {dataset}.", pointer="#/query/start"
        )
    row = prod(spec.shape[1:]) * (spec.dtype.itemsize if form is Form.npy else _TEXT_BYTES)
    if (end - start) * row > LARGEST_BYTES:
        raise ProblemError(
            413,
            f"These rows take about {(end - start) * row} bytes as {form}, and a slice has {LARGEST_BYTES} at most: ask for "
            f"{max(1, LARGEST_BYTES // row)} rows at a time, or for the file itself at files/{file} (with a Range).",
            pointer="#/query/stop",
        )
    return Slice(pair, file, dataset, start, end, spec)


def is_light(rows: Slice, form: Form) -> bool:
    """Whether the slice is bytes that are copied from the file in a moment, for which no turn is needed."""
    return form is Form.npy and _place(rows) is not None and prod(rows.shape) * rows.spec.dtype.itemsize <= _BLOCK_BYTES


def written(rows: Slice, form: Form) -> Generator[bytes]:
    """The slice's bytes, block by block."""
    return {Form.npy: _npy, Form.json: _json, Form.csv: _csv}[form](rows)


async def in_turns(rows: Slice, form: Form, turns: Turns, client: Client) -> AsyncGenerator[bytes]:
    """As `written`, each block in a turn of `client`: many slices at once keep nobody waiting, nor do slow readers."""
    with closing(written(rows, form)) as blocks:
        while True:
            async with turns.turn(client):
                block = await run_in_threadpool(next, blocks, None)
            if block is None:
                return
            yield block


def _npy(rows: Slice) -> Generator[bytes]:
    header = io.BytesIO()
    fields = {"descr": rows.spec.dtype.str, "fortran_order": False, "shape": rows.shape}
    np.lib.format.write_array_header_1_0(header, fields)
    yield header.getvalue()
    for block in _blocks(rows, _BLOCK_BYTES):
        yield block.tobytes()


def _json(rows: Slice) -> Generator[bytes]:
    fields = {
        "pair": rows.pair.name,
        "file": rows.file,
        "dataset": rows.dataset,
        "start": rows.start,
        "stop": rows.stop,
        "shape": rows.shape,
        "dtype": rows.spec.dtype.name,
    }
    yield f'{json.dumps(fields)[:-1]}, "rows": ['.encode()
    separator = ""
    for block in _blocks(rows, _TEXT_BLOCK_BYTES):
        yield (separator + json.dumps(block.tolist(), allow_nan=False)[1:-1]).encode()
        separator = ", "
    yield b"]}\n"


def _csv(rows: Slice) -> Generator[bytes]:
    """One line a row, without a header; each number reads back as the same number."""
    for block in _blocks(rows, _TEXT_BLOCK_BYTES):
        lines = (",".join(map(repr, row)) for row in block.reshape(len(block), -1).tolist())
        yield "".join(f"{line}\n" for line in lines).encode()


def _blocks(rows: Slice, size: int) -> Iterator[NDArray[Any]]:
    spec, file = rows.spec, rows.pair.folder / rows.file
    row = prod(spec.shape[1:])
    step = max(1, size // (spec.dtype.itemsize * row))
    place = _place(rows)
    for start in range(rows.start, rows.stop, step):
        stop = min(start + step, rows.stop)
        if place is None:
            with store.open_file(file) as opened:
                yield store.datasets(opened)[rows.dataset][start:stop]
        else:
            first = place + start * row * spec.dtype.itemsize
            yield np.fromfile(file, spec.dtype, (stop - start) * row, offset=first).reshape(-1, *spec.shape[1:])


def _place(rows: Slice) -> int | None:
    """Where a slice's data set begins in its file; None where it does not lie there as it is."""
    return _place_in(rows.pair.folder / rows.file, rows.pair.manifest.files[rows.file].sha256, rows.dataset, rows.spec)


@lru_cache(maxsize=4096)
def _place_in(file: Path, _sha256: str, dataset: str, spec: store.Spec) -> int | None:
    with store.open_file(file) as opened:
        return store.place(store.datasets(opened)[dataset], spec)
