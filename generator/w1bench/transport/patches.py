"""What an attenuation takes from every patch of a set of photographs: millions of patches, of which no one is made."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from w1bench.arrays import F64
from w1bench.sources.images.photographs import Patches
from w1bench.sources.pictures import centred
from w1bench.transport.families.attenuation import LowFrequencies, Means, Origin, Subspace, cosines

_MOST_PRODUCTS = 10**12  # some minutes; beyond them W1 is averaged over rays


def residual_squares(patches: Patches, subspace: Subspace) -> F64 | None:
    """||m - P m||^2 of the patch m at every position of every photograph, (n,); None where that takes too long, as of a random subspace."""
    if isinstance(subspace, Origin):
        kept = 0
    elif isinstance(subspace, LowFrequencies):
        kept = subspace.size
    elif isinstance(subspace, Means):
        kept = 1 if subspace.axes == (2, 3) else -1
    else:
        return None
    if sum(p.size for p in patches.photographs) * max(kept, 0) ** 2 * patches.size > _MOST_PRODUCTS:
        return None
    return np.concatenate([_of_photograph(p.tobytes(), p.shape, patches.size, kept) for p in patches.photographs])


@lru_cache(maxsize=16)
def _of_photograph(content: bytes, shape: tuple[int, ...], size: int, kept: int) -> F64:
    """Of all patches of one photograph: `kept` lowest frequencies along either side are taken away, or with -1 the grey picture."""
    pixels = centred(np.frombuffer(content, np.uint8).reshape(shape)).astype(np.float64)
    if kept < 0:
        pixels = pixels - pixels.mean(axis=2, keepdims=True)
    squares = _sums(np.square(pixels).sum(axis=2), size)
    for channel in range(shape[2]) if kept > 0 else ():
        squares -= _kept(pixels[..., channel], cosines(size, kept))
    return np.maximum(squares, 0.0).ravel()


def _sums(plane: F64, size: int) -> F64:
    """The sum over the window at every position."""
    for axis in (0, 1):
        plane = sliding_window_view(plane, size, axis=axis).sum(axis=-1)
    return plane


def _kept(plane: F64, basis: F64) -> F64:
    """The sum of the squares of the kept coefficients of the window at every position; `basis` is (size, kept)."""
    parts: list[F64] = []
    for high in _filtered(plane, basis, 32):  # (positions, kept, width)
        across = np.ascontiguousarray(high.reshape(-1, high.shape[2]).T)
        squares = np.concatenate([np.square(part).sum(axis=1) for part in _filtered(across, basis, 8)])
        parts.append(squares.reshape(-1, *high.shape[:2]).sum(axis=2).T)
    return np.concatenate(parts)


def _filtered(rows: F64, basis: F64, at_once: int) -> Iterator[F64]:
    """The coefficients of the windows down the first axis of `rows` (n, m), some positions at a time: (positions, kept, m).

    One product serves `at_once` positions, whose windows overlap: it has as many shifted copies of the basis.
    """
    size, kept = basis.shape
    shifted = np.zeros((at_once, kept, size + at_once - 1))
    for shift in range(at_once):
        shifted[shift, :, shift : shift + size] = basis.T
    for start in range(0, len(rows) - size + 1, at_once):
        count = min(at_once, len(rows) - size + 1 - start)
        part = shifted[:count, :, : size + count - 1].reshape(count * kept, -1)
        yield (part @ rows[start : start + size + count - 1]).reshape(count, kept, -1)
