"""OpenedPair: a pair's folder as Python sees it; arrays are lazy, truth is scored against, batches are drawn."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
from numpy.typing import ArrayLike

from w1bench import client, config, seal, store, submission
from w1bench.errors import InputError, MissingExtraError, PairError
from w1bench.fetch import fetch
from w1bench.manifest import FILENAME, Manifest
from w1bench.scorecard import Scorecard
from w1bench.scorecard import score as score_arrays

if TYPE_CHECKING:
    from torch import Tensor

    from w1bench.samplers import Sampler


class Rows:
    """A role's data sets as attributes, e.g. `pair.test.input`: h5py data sets, numpy arrays on slicing. `paths` has their files."""

    def __init__(self, role: str, paths: Mapping[str, Path]) -> None:
        self._role, self._paths = role, paths

    def __getattr__(self, name: str) -> h5py.Dataset:
        if name.startswith("_") or name not in self._paths:
            raise AttributeError(f"{self._role}.h5 has no data set {name}; it has {', '.join(self._paths)}.")
        return store.datasets(self._file(self._paths[name]))[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._paths]

    @cached_property
    def _file(self) -> Callable[[Path], h5py.File]:
        """Opens a file once."""
        return cache(store.open_file)


@dataclass(frozen=True)
class OpenedPair:
    """A pair in `folder`; `train`, `test`, `probe` and `funnel` hold its arrays."""

    folder: Path
    manifest: Manifest

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
    def train(self) -> Rows:
        return self._rows("train")

    @cached_property
    def test(self) -> Rows:
        return self._rows("test")

    @cached_property
    def probe(self) -> Rows:
        return self._rows("probe")

    @cached_property
    def funnel(self) -> Rows:
        return self._rows("funnel")

    def batches(self, size: int, *, device: Any = "cpu", seed: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Endless shuffled batches (x ~ P, y ~ Q) of train.h5, unpaired, (size, *shape) float32 on `device`. Needs torch."""
        inputs, targets = self.train_samplers(size, device=device, seed=seed)
        k = 0
        while True:
            yield inputs(k), targets(k)
            k += 1

    def train_samplers(self, batch: int, *, device: Any = "cpu", seed: int = 0) -> tuple[Sampler, Sampler]:
        """Samplers of P and of Q from train.h5: what `batches` iterates over, and what a solver's `fit` takes."""
        from_rows = _samplers().from_rows
        return (
            from_rows(self.train.input, batch, seed=seed, purpose="input", device=device),
            from_rows(self.train.target, batch, seed=seed, purpose="target", device=device),
        )

    def sampler(self, batch: int, *, device: Any = "cpu", seed: int = 0) -> tuple[Sampler, Sampler]:
        """Samplers of P and of Q that draw every batch afresh, from the recipe's source and the pair's own funnels. Needs torch.

        Raises:
            PairError: the pair is sealed.
            SourceError: the source needs what is not here (a folder of pictures, a checkpoint).
        """
        samplers = _samplers()
        from w1bench.funnel import min_funnel
        from w1bench.pair import make_source, pair_of

        recipe, center = self.manifest.full_recipe(), self.funnel.center[:]
        funnel = min_funnel(center.reshape(len(center), -1), self.funnel.offset[:])
        pair = pair_of(recipe, make_source(recipe), funnel)
        return (
            samplers.fresh_inputs(pair, batch, seed=seed, device=device),
            samplers.fresh_targets(pair, batch, seed=seed, device=device),
        )

    @cached_property
    def undrawable(self) -> str | None:
        """Why `sampler` cannot draw from this pair here; None where it can. Needs torch."""
        if self.manifest.is_secret:
            return f"{self.name} is sealed"
        try:
            self.sampler(1)
        except InputError as error:
            return f"{self.name} cannot be drawn from here ({error})"
        return None

    def _rows(self, role: str) -> Rows:
        """The data sets of a role; those of the tests of a sealed pair are in two files."""
        if role == "funnel":
            self.manifest.check_known()
        files = ("test", "truth") if role == "test" else (role,)
        return Rows(role, {name: self.folder / f"{f}.h5" for f in files for name in self.manifest.roles.get(f, ())})


def load(name: str | Path, *, archive: str | None = None) -> OpenedPair:
    """A pair by its folder, or by its name: from the archive, the cache, or fetched into the cache.

    The archive is a folder or URL: `archive`, else W1BENCH_ARCHIVE, else the folder `archive`.

    Raises:
        PairError: there is no such pair.
        UnreachableError, CheckFailedError: see `fetch`.
    """
    here = config.from_environment()
    origin = archive or here.archive
    folders = (
        [Path(name), here.home / name] if config.is_url(origin) else [Path(name), Path(origin) / name, here.home / name]
    )
    for folder in folders:
        if (folder / FILENAME).is_file():
            return OpenedPair(folder, seal.read_pair(folder))
    if config.is_url(origin):
        folder = fetch(str(name), origin, here.home)
        return OpenedPair(folder, seal.read_pair(folder))
    raise PairError(
        f"There is no pair {name} in {', '.join(str(f.parent) for f in folders[1:])}; build it (w1bench build {name}), "
        "or set W1BENCH_ARCHIVE to an archive's URL to fetch it from."
    )


def score(pair: OpenedPair | str | Path, **arrays: ArrayLike | None) -> Scorecard:
    """The scorecard of a critic on a pair: `gradient` (m, *shape) at `pair.test.input`, and optionally
    `input_potential` and `target_potential` (m,), `probe_gradient`, `transported`.

    Raises:
        SubmissionError: an array has the wrong shape or dtype, or is not finite.
        PairError: the pair is sealed.
    """
    opened = pair if isinstance(pair, OpenedPair) else load(pair)
    checked = submission.from_arrays(opened.manifest, arrays)
    with seal.open_test(opened.folder, opened.manifest) as test:
        return score_arrays(opened.manifest, test, checked)


def score_file(folder: Path, path: Path) -> Scorecard:
    """The scorecard of a .h5 or .npy file on the pair in `folder`; raises as `score`."""
    manifest = seal.read_pair(folder)
    with seal.open_test(folder, manifest) as test, submission.open_submission(path, manifest) as checked:
        return score_arrays(manifest, test, checked)


def submit(
    pair: OpenedPair | str | Path, *, method: str, server: str | None = None, token: str | None = None,
    **arrays: ArrayLike | None,
) -> dict[str, Any]:  # fmt: skip
    """Submit a critic's arrays (as `score`) to the service; returns the row with its scorecard and URL.

    Server and token default to W1BENCH_SERVER and W1BENCH_TOKEN.

    Raises:
        SubmissionError: the arrays do not fit, or the service refuses them.
        UnreachableError: the service does not answer.
    """
    opened = pair if isinstance(pair, OpenedPair) else load(pair)
    here = config.from_environment()
    checked = submission.from_arrays(opened.manifest, arrays)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "submission.h5"
        submission.write(path, checked)
        return client.submit_file(
            opened.name, path, method=method, server=server or here.server, token=token or here.token
        )


def _samplers() -> Any:
    try:
        from w1bench import samplers
    except ImportError as error:
        raise MissingExtraError(
            f"Batches need {error.name}, which is not installed; install w1bench with its extra `torch` (in a checkout: pip install '.[torch]')."
        ) from None
    return samplers
