"""Cases: pairs by dimension, funnels and batch, as our rays and as the published tensors, from the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from tensor_rays import TENSORS, TensorMap
from torch import Tensor

from w1bench.builder.engines.threads import LocalThreads
from w1bench.rng import stream, tile_rows
from w1bench.sources.domains import Cube
from w1bench.transport.families.funnel.min_funnel import min_funnel
from w1bench.transport.families.funnel.rays import RayMap

THREADS = 2
_LEFT_FREE = 6e9  # bytes of memory that the tensors never take
_IMAGE_DIM = 1000  # dimensions above are those of images

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A pair in `dim` dimensions with `funnels` funnels, and a `batch` of its targets; the numbers are float32's."""

    dim: int
    funnels: int
    batch: int

    def __str__(self) -> str:
        return f"({self.dim}, {self.funnels}, {self.batch})"

    @property
    def half_width(self) -> float:
        return 1.2 if self.dim > _IMAGE_DIM else 2.5

    @property
    def power(self) -> float:
        """As published: 8; for images 10 with one funnel, 100 with sixteen."""
        return 8.0 if self.dim < _IMAGE_DIM else 10.0 if self.funnels == 1 else 100.0

    def funnel(self) -> tuple[F64, F64]:
        """Centres (N, D), uniform in the cube or for images in [-1, 1]^D, and offsets (N,) from N(0, .1^2)."""
        rng = stream(0, "funnel", 0)
        width = 1.0 if self.dim > _IMAGE_DIM else self.half_width
        center = (2 * rng.random((self.funnels, self.dim)) - 1) * width
        return _single(center), _single(0.1 * rng.standard_normal(self.funnels))

    def targets(self) -> F64:
        """Uniform in the cube, (B, D)."""
        return _single((2 * stream(0, "target", 0).random((self.batch, self.dim)) - 1) * self.half_width)

    def ray_map(self) -> RayMap:
        return RayMap(min_funnel(*self.funnel()), Cube(self.half_width), self.power)

    def tensor_map(self) -> TensorMap:
        center, offset = (torch.from_numpy(values).float() for values in self.funnel())
        return TensorMap(center, offset, self.half_width, self.power)

    def parts(self) -> int:
        """How many parts the tensors' batch must be cut into for them to fit the memory."""
        needed = TENSORS * 4 * self.batch * self.dim * self.funnels
        return max(1, ceil(needed / (psutil.virtual_memory().available - _LEFT_FREE)))


def tile_by_tile(work: Callable[[F64], object], target: F64, passes: int = 1) -> None:
    """`work` on every tile of a batch, `passes` times over, in one run of the engine; results are let go at once."""
    rows = tile_rows(target.shape[1])
    tiles = [target[start : start + rows] for start in range(0, len(target), rows)]
    with LocalThreads(THREADS).started() as run:
        for _ in run(work, tiles * passes):
            pass


def move_parts(tensor_map: TensorMap, parts: Sequence[Tensor], *, threads: int) -> None:
    """The tensors' inputs, gradients and potentials, part by part, on so many torch threads; let go at once."""
    torch.set_num_threads(threads)
    for part in parts:
        tensor_map.move(part)


def _single(values: NDArray[Any]) -> F64:
    """Values in float64 that float32 holds exactly, so that both sides get the same."""
    return values.astype(np.float32).astype(np.float64)
