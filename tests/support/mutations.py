"""Mutations: valid uploads that were damaged on purpose, each a function of its seed."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

_LAYOUTS: dict[str, dict[str, Any]] = {
    "contiguous": {},
    "chunked": {"chunks": True},
    "gzip": {"compression": "gzip", "shuffle": True, "fletcher32": True},
}
_HEAD_BYTES = 2048  # where the headers are, which readers believe
_STRANGE = (b"\0", b"\xff", b"\x7f", b"\x80")


def valid(arrays: Mapping[str, NDArray[Any]]) -> dict[str, bytes]:
    """The same submission as .h5 in every layout and library version, and its gradient as .npy."""
    bodies: dict[str, bytes] = {}
    for layout, options in _LAYOUTS.items():
        for version in ("earliest", "latest"):
            stream = io.BytesIO()
            with h5py.File(stream, "w", libver=version) as file:
                for name, array in arrays.items():
                    file.create_dataset(name, data=array, **options)
            bodies[f"{layout}, {version}"] = stream.getvalue()
    stream = io.BytesIO()
    np.save(stream, arrays["gradient"])
    return bodies | {"npy": stream.getvalue()}


def mutated(bodies: Mapping[str, bytes], seed: int) -> tuple[str, bytes]:
    """A description and a body: one of `bodies` after one or two mutations."""
    rng = np.random.default_rng(seed)
    name = list(bodies)[rng.integers(len(bodies))]
    body, done = bytearray(bodies[name]), []
    for _ in range(rng.integers(1, 3)):
        mutation = _MUTATIONS[rng.integers(len(_MUTATIONS))]
        mutation(body, rng, bodies)
        done.append(mutation.__name__.strip("_"))
    return f"{seed}: {name}: {', '.join(done)}", bytes(body)


def many(bodies: Mapping[str, bytes], count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """`count` mutated bodies, from `seed` on."""
    return (mutated(bodies, seed + i) for i in range(count))


def _place(body: bytearray, rng: np.random.Generator, length: int = 1) -> int:
    """Anywhere, but mostly in the head."""
    end = len(body) if rng.random() < 0.3 else min(len(body), _HEAD_BYTES)
    return int(rng.integers(max(1, end - length)))


def _flip_bits(body: bytearray, rng: np.random.Generator, bodies: Mapping[str, bytes]) -> None:
    for _ in range(rng.integers(1, 5)):
        if body:
            body[_place(body, rng)] ^= 1 << int(rng.integers(8))


def _set_bytes(body: bytearray, rng: np.random.Generator, bodies: Mapping[str, bytes]) -> None:
    length = int(2 ** rng.integers(4))
    place = _place(body, rng, length)
    body[place : place + length] = _STRANGE[rng.integers(len(_STRANGE))] * length


def _swap_blocks(body: bytearray, rng: np.random.Generator, bodies: Mapping[str, bytes]) -> None:
    length = int(rng.integers(1, 257))
    first, second = _place(body, rng, length), _place(body, rng, length)
    one, other = body[first : first + length], body[second : second + length]
    body[first : first + length], body[second : second + length] = other, one


def _truncate(body: bytearray, rng: np.random.Generator, bodies: Mapping[str, bytes]) -> None:
    del body[int(rng.integers(len(body) + 1)) :]


def _insert(body: bytearray, rng: np.random.Generator, bodies: Mapping[str, bytes]) -> None:
    place = _place(body, rng)
    body[place:place] = rng.bytes(int(rng.integers(1, 65)))


def _splice(body: bytearray, rng: np.random.Generator, bodies: Mapping[str, bytes]) -> None:
    other = list(bodies.values())[rng.integers(len(bodies))]
    place = _place(body, rng)
    start = place if rng.random() < 0.5 else int(rng.integers(len(other)))
    length = int(rng.integers(1, 4097))
    body[place : place + length] = other[start : start + length]


_MUTATIONS = (_flip_bits, _set_bytes, _swap_blocks, _truncate, _insert, _splice)
