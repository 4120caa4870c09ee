"""Training and held-out patches of the same photographs, with no pixel in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from w1bench.errors import SourceError
from w1bench.rng import stream
from w1bench.sources.pictures import centred

_CELL = 2  # sides of a patch in the side of a held-out cell
_HELD_OUT = 10  # one cell in so many is held out
Corners = NDArray[np.int64]


@dataclass(frozen=True)
class PatchesAt:
    """Square patches of `size` pixels: a photograph at random, then one of its `corners` (n, 2) at random."""

    photographs: Sequence[NDArray[np.uint8]]
    corners: Sequence[Corners]
    size: int

    @property
    def shape(self) -> tuple[int, int, int]:
        return (3, self.size, self.size)

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.float32]:
        """`count` independent patches, (count, 3, size, size), in [-1, 1]."""
        out = np.empty((count, *self.shape), np.uint8)
        for i, which in enumerate(rng.integers(len(self.photographs), size=count)):
            row, column = self.corners[which][rng.integers(len(self.corners[which]))]
            patch = self.photographs[which][row : row + self.size, column : column + self.size]
            out[i] = patch.transpose(2, 0, 1)
        return centred(out)


def split(photographs: Sequence[NDArray[np.uint8]], size: int, seed: int) -> tuple[PatchesAt, PatchesAt]:
    """Patches to train on and patches held out: in one of ten cells of each photograph (height, width, 3).

    Raises:
        SourceError: a photograph is so small that one of the two would be empty.
    """
    parts = [_corners(p.shape[0], p.shape[1], size, seed, number) for number, p in enumerate(photographs)]
    for number, (training, held_out) in enumerate(parts):
        if not len(training) or not len(held_out):
            raise SourceError(
                f"Photograph {number + 1} in the order of names is {photographs[number].shape[1]} x {photographs[number].shape[0]}, too small to hold "
                f"patches of {size} x {size} out of it; give pictures of {4 * _CELL * size} pixels a side and more."
            )
    return tuple(PatchesAt(photographs, corners, size) for corners in zip(*parts, strict=True))  # type: ignore[return-value]


def _corners(height: int, width: int, size: int, seed: int, number: int) -> tuple[Corners, Corners]:
    """Upper left corners of the patches that touch no held-out cell, and of those inside one."""
    cell = _CELL * size
    rows, columns = height // cell, width // cell
    cells = stream(seed, "generator.held_out", number).permutation(rows * columns)[: -(-rows * columns // _HELD_OUT)]
    held = np.zeros((height, width), bool)
    for row, column in zip(*np.divmod(cells, columns), strict=True):
        held[row * cell : (row + 1) * cell, column * cell : (column + 1) * cell] = True
    total = np.pad(held.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    inside = total[size:, size:] - total[:-size, size:] - total[size:, :-size] + total[:-size, :-size]
    return np.argwhere(inside == 0), np.argwhere(inside == size * size)
