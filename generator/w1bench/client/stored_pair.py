"""A pair in a folder, as Python sees it: its arrays are read when they are used, and batches are drawn from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
from numpy.typing import NDArray

from w1bench import notebook
from w1bench.archive import hdf5 as store
from w1bench.archive.manifest import Manifest, PairState
from w1bench.errors import InputError, missing_extra

if TYPE_CHECKING:
    from torch import Tensor

    from w1bench.transport.pair import Pair
    from w1bench.transport.samplers import Sampler


class DataSets:
    """A role's data sets as attributes, e.g. `pair.test.input`: h5py data sets, numpy arrays on slicing. `paths` has their files."""

    def __init__(self, role: str, paths: Mapping[str, Path]) -> None:
        self._role, self._paths = role, paths

    def __getattr__(self, name: str) -> h5py.Dataset:
        if name.startswith("_") or name not in self._paths:
            raise AttributeError(f"{self._role}.h5 has no data set {name}; it has {', '.join(self._paths)}.")
        return store.datasets(self._file(self._paths[name]))[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._paths]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of them, read, by name."""
        return {name: getattr(self, name)[:] for name in self._paths}

    @cached_property
    def _file(self) -> Callable[[Path], h5py.File]:
        """Opens a file once."""
        return cache(store.open_file)


@dataclass(frozen=True, repr=False)
class StoredPair:
    """A pair in `folder`; `train`, `test`, `probe`, `funnel` and `potential` hold its arrays, the latter two where its family has them."""

    folder: Path
    manifest: Manifest

    def __repr__(self) -> str:
        return f"<StoredPair {self.name}: {', '.join(f'{name} {value}' for name, value in self._facts())}>"

    def _repr_html_(self) -> str:
        return notebook.table(self.name, [*self._facts(), ("folder", str(self.folder))])

    def _facts(self) -> list[tuple[str, str]]:
        """What is told of it in a line."""
        known = self.manifest.state is not PairState.SEALED
        sizes = ", ".join(f"{self.manifest.rows(role):,} {role}" for role in ("train", "test"))
        return [
            ("shape", "x".join(map(str, self.shape))),
            ("family", self.manifest.family),
            ("W1", f"{self.w1:.6g}" if known else "sealed"),
            ("rows", sizes),
        ]

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one point: (D,) or (channels, height, width)."""
        return self.manifest.shape

    @property
    def w1(self) -> float:
        """The Wasserstein-1 distance of the two distributions; a PairError while the pair is sealed."""
        return self.manifest.known_w1.value

    @cached_property
    def train(self) -> DataSets:
        return self._data_sets("train")

    @cached_property
    def test(self) -> DataSets:
        return self._data_sets("test")

    @cached_property
    def probe(self) -> DataSets:
        return self._data_sets("probe")

    @cached_property
    def funnel(self) -> DataSets:
        return self._data_sets("funnel")

    @cached_property
    def potential(self) -> DataSets:
        return self._data_sets("potential")

    def batches(self, size: int, *, device: Any = "cpu", seed: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Endless shuffled batches (x ~ P, y ~ Q) of train.h5, unpaired, (size, *shape) float32 on `device`. Needs torch."""
        inputs, targets = self.train_samplers(size, device=device, seed=seed)
        return ((inputs(step), targets(step)) for step in count())

    def train_samplers(self, batch: int, *, device: Any = "cpu", seed: int = 0) -> tuple[Sampler, Sampler]:
        """Samplers of P and of Q from train.h5: what `batches` iterates over, and what a solver's `fit` takes."""
        from_rows = _samplers().from_rows
        return (
            from_rows(self.train.input, batch, seed=seed, purpose="input", device=device),
            from_rows(self.train.target, batch, seed=seed, purpose="target", device=device),
        )

    def sampler(self, batch: int, *, device: Any = "cpu", seed: int = 0) -> tuple[Sampler, Sampler]:
        """Samplers of P and of Q that draw every batch afresh, from the recipe's source and the pair's own funnels. Needs torch.

        They have the law of train.h5: pictures that are held out are never drawn.

        Raises:
            PairError: the pair is sealed.
            SourceError: the source needs what is not here (a folder of pictures, a checkpoint).
        """
        samplers, pair = _samplers(), self._law()
        return (
            samplers.fresh_inputs(pair, batch, seed=seed, device=device),
            samplers.fresh_targets(pair, batch, seed=seed, device=device),
        )

    def plan_sampler(self, batch: int, *, device: Any = "cpu", seed: int = 0) -> Sampler:
        """A sampler of the targets y that the inputs of `sampler` with the same seed are partners of: rows of both are draws of the optimal
        plan. Raises as `sampler`."""
        return _samplers().fresh_partners(self._law(), batch, seed=seed, device=device)

    def _law(self) -> Pair:
        """The pair with its source, to draw from for training."""
        from w1bench.sources.from_recipe import make_source
        from w1bench.transport.from_recipe import pair_of

        recipe = self.manifest.full_recipe()
        arrays = [getattr(self, file).arrays() for file in store.FAMILY_FILES if file in self.manifest.contents]
        return pair_of(recipe, make_source(recipe), {k: v for part in arrays for k, v in part.items()}).training

    @cached_property
    def undrawable(self) -> str | None:
        """Why `sampler` cannot draw from this pair here; None where it can. Needs torch."""
        if self.manifest.state is PairState.SEALED:
            return f"{self.name} is sealed"
        try:
            self.sampler(1)
        except InputError as error:
            return f"{self.name} cannot be drawn from here ({error})"
        return None

    def _data_sets(self, role: str) -> DataSets:
        """The data sets of a role."""
        if role in store.FAMILY_FILES:
            self.manifest.check_known()
        return DataSets(role, {name: self.folder / file for name, file in self.manifest.datasets(role).items()})


def _samplers() -> Any:
    try:
        from w1bench.transport import samplers
    except ImportError as error:
        raise missing_extra(f"Batches need {error.name}, which is not installed", "torch") from None
    return samplers
