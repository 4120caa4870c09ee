"""`w1bench.benchmark`: fits and scores solvers over a suite, and compares them by their skill over families."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from w1bench.trials import results
from w1bench.trials.adapter import OwnMethod, own_method
from w1bench.trials.comparison.result import Benchmark, compared
from w1bench.trials.grid import run_grid
from w1bench.trials.suites import Suite, pairs_of
from w1bench.trials.trial import Data

Solver = Callable[..., Any] | str


def benchmark(
    solvers: Solver | Sequence[Solver] | Mapping[str, Solver], suite: Suite = "core", *, seeds: int = 1, steps: int | None = None,
    batch: int | None = None, out: str | Path = "benchmark.json", against: Sequence[str | Path] = (), workers: int | None = None,
    device: str = "cpu", data: Data | None = None, progress: bool = True,
) -> Benchmark:  # fmt: skip
    """Fit and score solvers on all pairs of a suite with seeds 0, 1, ...

    A solver is a reference method's name, or your own: a class, a function of a pair, or the place of one (`package.module:name`,
    `path/to/file.py:name`), which makes an object with `fit(inputs, targets)` and a critic (see `w1bench.trials.adapter`); a mapping gives them names. The suite is
    a name (`quick`, `core`, `published`, `images`), or pairs. `steps` is the most for reference methods, and what your own is told, `batch` the rows that it
    is handed at a time. Each row is added to the results file `out` as it is finished, and computed once: interrupted, the same call resumes it.
    Rows of the files in `against` are compared with these. Without `workers` all runs in this process; several need solvers by their names or places.

    Raises:
        InputError: there is no such solver or suite; or `out` is not a results file.
        PairError: a pair is not here, or sealed.
    """
    named = solvers if isinstance(solvers, Mapping) else {}
    listed = list(solvers) if isinstance(solvers, Sequence) and not isinstance(solvers, str) else [solvers]
    methods = [_method(make, name) for name, make in named.items()] if named else [_method(make) for make in listed]
    pairs = pairs_of(suite)
    with tqdm(total=len(methods) * len(pairs) * seeds, unit="row", disable=None if progress else True) as bar:
        rows = run_grid(
            methods, pairs, Path(out), seeds=seeds, steps=steps, batch=batch, workers=workers, device=device, data=data,
            report=lambda row, done, _: _advance(bar, done),
        )  # fmt: skip
    tags = {row["method"] for row in rows}
    others = [row for row in results.read_all(map(Path, against)) if row["method"] not in tags]
    return compared([*rows, *others], {pair.name: pair.manifest.family for pair in pairs})


def _advance(bar: Any, done: int) -> None:
    bar.update(done - bar.n)


def _method(make: Any, name: str | None = None) -> str | OwnMethod:
    """A reference method's name, which keeps its tag, or a user's own method."""
    return make if isinstance(make, str) and ":" not in make else own_method(make, name=name)
