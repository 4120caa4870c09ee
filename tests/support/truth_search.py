"""Is the truth of a sealed pair anywhere in bytes that all may read? Looked for as numbers of every precision and as text."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w1bench.archive import hdf5 as store

_SHORT = 1 << 15  # bytes: what people read
_PLACES = 48  # of a row, at which needles begin; all of short ones
_DIGEST = re.compile(rb"[0-9a-f]{64}")
_WIDTH = 8  # bytes of a needle: one float64, two neighbours in float32, four in float16


def found(public: Mapping[str, bytes], kept: Path) -> set[str]:
    """What of the truth in folder `kept` stands in the public contents, as `what in where`."""
    words, numbers = dict(_words(kept)), dict(_numbers(kept))
    hits: set[str] = set()
    for name, content in public.items():
        if len(content) < 2 * _WIDTH:
            continue
        windows = np.concatenate([np.frombuffer(content[o : o + (len(content) - o) // 8 * 8], "<u8") for o in range(8)])
        windows.sort()
        for what, needles in numbers.items():
            places = np.searchsorted(windows, needles).clip(max=len(windows) - 1)
            if (windows[places] == needles).any():
                hits.add(f"{what} in {name}")
        for what, forms in words.items():
            # Of a megabyte of random digits, any five are somewhere; and of some digests, a short seed's.
            looked_for = not what.endswith("as shown") or len(content) < _SHORT
            place = _DIGEST.sub(b" ", content) if what == "seed" else content
            if looked_for and any(form in place for form in forms):
                hits.add(f"{what} in {name}")
    return hits


def _words(kept: Path) -> Iterator[tuple[str, list[bytes]]]:
    """The secret, the salt, the seed, W1 and its error, in the forms that they may be written in."""
    document = json.loads((kept / "reveal.json").read_text())
    for name, text in (("secret", document["recipe"]["secret"]), ("salt", document["salt"])):
        raw = bytes.fromhex(text)
        yield name, [text.encode(), text.upper().encode(), raw, raw[::-1], base64.b64encode(raw)[:-2]]
    seed = document["recipe"]["seed"]
    yield "seed", [str(seed).encode(), seed.to_bytes(8, "little"), seed.to_bytes(8, "big"), f"{seed:x}".encode()]
    for name in ("w1", "w1_stderr") if document["truth"]["w1_rays"] else ():  # in closed form it is no secret
        value = document["truth"][name]
        yield name, [f"{value:.9g}".encode(), *(np.array(value, dtype).tobytes() for dtype in ("<f8", ">f8"))]
        yield f"{name} as shown", [f"{value:.5g}".encode(), f"{value:.4e}".encode()]
    for path in _family_files(kept):
        with store.open_file(path) as file:
            for name, dataset in store.datasets(file).items():
                if dataset.dtype.kind == "f":  # the number of a block is no secret
                    yield f"{name} as text", [f"{value:.12g}".encode() for value in dataset[:].ravel()[:200]]


def _numbers(kept: Path) -> Iterator[tuple[str, NDArray[np.uint64]]]:
    """Every row of every array of the truth, in every precision."""
    for path in (kept / "truth.h5", *_family_files(kept)):
        with store.open_file(path) as file:
            for name, dataset in store.datasets(file).items():
                if dataset.dtype.kind != "f":
                    continue
                yield (
                    name,
                    np.concatenate(
                        [
                            needles
                            for dtype in ("<f8", ">f8", "<f4", ">f4", "<f2")
                            for needles in _needles(dataset[:], dtype)
                        ]
                    ),
                )


def _family_files(kept: Path) -> list[Path]:
    """The files that determine the potential; a family has at least one."""
    files = [path for name in store.FAMILY_FILES if (path := kept / f"{name}.h5").exists()]
    assert files
    return files


def _needles(rows: NDArray[Any], dtype: str) -> Iterator[NDArray[np.uint64]]:
    """Neighbouring values of each row that take eight bytes together."""
    typed = np.ascontiguousarray(rows.reshape(len(rows), -1), dtype)
    count = _WIDTH // typed.itemsize
    table = typed if typed.shape[1] >= count else typed.reshape(1, -1)  # a column of scalars is a row of them
    last = table.shape[1] - count
    for start in range(0, last + 1, max(1, last // _PLACES)):
        yield np.ascontiguousarray(table[:, start : start + count]).view("<u8").ravel()
