"""The names of the paper's own code (github.com/justkolesov/Wasserstein1Benchmark), so that scripts written for it run on these pairs.

`benchmark.input_sampler.sample(n)` draws from P, `benchmark.output_sampler.sample(n)` from Q, and `input_sampler.sample(n, flag_plan=True)` from
the optimal plan, afresh each time; as there, pictures come flat, (n, D).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w1bench.client.api import open_pair
from w1bench.client.stored_pair import StoredPair
from w1bench.errors import InputError, missing_extra

if TYPE_CHECKING:
    from torch import Tensor

_BATCH = 1024  # rows that are drawn at once


class Sampler:
    """Rows of some batches, which are consumed one after the other."""

    def __init__(self, *batches: Callable[[int], Tensor]) -> None:
        self._batches = batches
        self._rest = [batch(0).flatten(1)[:0] for batch in batches]
        self._next = 0

    def _take(self, size: int) -> list[Tensor]:
        import torch

        if size < 1:
            raise InputError(f"A sample of {size} rows was asked for; ask for 1 or more.")
        while len(self._rest[0]) < size:
            drawn = [batch(self._next).flatten(1) for batch in self._batches]
            self._rest = [torch.cat(parts) for parts in zip(self._rest, drawn, strict=True)]
            self._next += 1
        taken = [rest[:size] for rest in self._rest]
        self._rest = [rest[size:] for rest in self._rest]
        return taken


class OutputSampler(Sampler):
    """Draws of Q."""

    def sample(self, size: int) -> Tensor:
        """The next draws of Q, (size, D), float32."""
        return self._take(size)[0]


class InputSampler(Sampler):
    """Draws of P, with the targets that they are partners of."""

    def sample(self, size: int, flag_plan: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """The next draws of P, (size, D), float32; with `flag_plan` draws (x, y) of the optimal plan."""
        x, y = self._take(size)
        return (x, y) if flag_plan else x


class Benchmark:
    """A pair under the old names; `pair` is the pair itself, with its truth."""

    def __init__(self, pair: StoredPair | str | Path, *, device: Any = "cpu", seed: int = 0) -> None:
        self.pair, self.device = open_pair(pair), device
        manifest = self.pair.manifest
        self.dim, self.width, self.deg, self.semi_length_square = (
            manifest.dim,
            manifest.funnels,
            manifest.power,
            manifest.half_width,
        )
        try:
            inputs, targets = self.pair.sampler(_BATCH, device=device, seed=seed)
            partners = self.pair.plan_sampler(_BATCH, device=device, seed=seed)
        except ModuleNotFoundError as error:
            raise missing_extra(f"Draws need {error.name}, which is not installed", "torch") from None
        self.input_sampler, self.output_sampler = InputSampler(inputs, partners), OutputSampler(targets)


def load_benchmark(pair: StoredPair | str | Path, *, device: Any = "cpu", seed: int = 0) -> Benchmark:
    """A pair by its name or folder, as `w1bench.load` finds it, under the old names.

    Raises:
        PairError: there is no such pair, or it is sealed.
        SourceError: its targets cannot be drawn here (a folder of pictures, a checkpoint).
    """
    return Benchmark(pair, device=device, seed=seed)


def MixToOneBenchmark(dim: int, width: int, deg: int = 8, *, device: Any = "cpu", seed: int = 0) -> Benchmark:
    """The published pair of this dimension and number of funnels, hd-dD-nN-p8."""
    return Benchmark(f"hd-d{dim}-n{width}-p{deg}", device=device, seed=seed)


def Celeba64Benchmark(width: int, deg: int, *, device: Any = "cpu", seed: int = 0) -> Benchmark:
    """The published pair of CelebA pictures, celeba64-nN-pP."""
    return Benchmark(f"celeba64-n{width}-p{deg}", device=device, seed=seed)
