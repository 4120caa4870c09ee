"""Rows of a data set by one request for a range of bytes, read by programs that know nothing of HDF5: curl and od."""

from __future__ import annotations

import subprocess
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w1bench.archive.manifest import Place


def span_of(place: Place, start: int, stop: int) -> tuple[int, int]:
    """The first and the last byte of rows `start` to `stop`."""
    row = np.dtype(place.dtype).itemsize * int(np.prod(place.shape[1:], dtype=np.int64))
    return place.offset + start * row, place.offset + stop * row - 1


def rows_of(content: bytes, place: Place) -> NDArray[Any]:
    """The rows that bytes hold."""
    return np.frombuffer(content, place.dtype).reshape(-1, *place.shape[1:])


def rows_by_curl(url: str, place: Place, start: int, stop: int) -> NDArray[Any]:
    """Rows `start` to `stop` as `curl --range | od` prints them."""
    first, last = span_of(place, start, stop)
    kind = {"f": "f", "i": "d"}[place.dtype[1]] + place.dtype[2]
    command = f"curl --silent --fail --range {first}-{last} '{url}' | od -A n -v -t {kind}"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=True, timeout=120
    )
    return np.array(done.stdout.split(), place.dtype).reshape(-1, *place.shape[1:])
