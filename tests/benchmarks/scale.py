"""Scale: memory of a build against its number of samples, and its speed on threads, processes and a Ray cluster."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from memory import extra_memory
from report import parse, publish, table

import w1bench
from w1bench.builder.build import build
from w1bench.builder.engines.engine import Engine
from w1bench.builder.engines.processes import LocalProcesses
from w1bench.builder.engines.ray_cluster import RayCluster
from w1bench.builder.engines.threads import LocalThreads
from w1bench.recipes.files import read_recipe
from w1bench.recipes.recipe import Recipe

_RECIPES = Path(w1bench.__file__).parent / "recipes" / "catalogued"
_NAMES = ("photos32-n16-p100", "hd-d128-n64-p8")
_SAMPLES = (1_000, 4_000, 20_000)
_SPEED_SAMPLES = 8_000
_RAYS = 20_000  # that W1 is averaged over
_ENGINES: tuple[Engine, ...] = (
    LocalThreads(1), LocalThreads(2), LocalProcesses(1), LocalProcesses(2), RayCluster(workers=1), RayCluster(workers=2),
)  # fmt: skip

_MEMORY = """\
The most memory that `build` takes beyond what the imports took, in a fresh process with two threads: so many rows of train.h5 and of
test.h5, written, certified and published. A build keeps a shard for each worker and, when it certifies, a block of rows; at 1,000
samples there is less than a shard for each. The ratio is that of the last column to the one before it."""

_SPEED = """\
Rows of train.h5 and test.h5 a second, of one whole build of 8,000 of each: starting the engine's workers, drawing, writing,
certifying; one run each. What processes and clusters take to start, some seconds, is much of so short a build."""


def main() -> None:
    run = parse("scale", __doc__)
    samples = tuple(count // 10 for count in _SAMPLES) if run.quick else _SAMPLES
    memory = [_memory_row(name, samples) for name in _NAMES]
    header = ("pair", *(f"{count:,} samples, MB" for count in samples), "ratio")
    count = _SPEED_SAMPLES // 10 if run.quick else _SPEED_SAMPLES
    speeds = [
        (f"`{engine}`", *(f"{_rows_a_second(_recipe(name, count), engine):,.0f}" for name in _NAMES))
        for engine in _ENGINES
    ]
    sections = [_MEMORY, table(header, memory), _SPEED, table(("engine", *_NAMES), speeds)]
    publish(run, "Scale", sections, packages=("w1bench", "numpy", "numba", "h5py", "ray"))


def _recipe(name: str, samples: int) -> Recipe:
    return read_recipe(_RECIPES / f"{name}.toml").with_sizes(train=samples, test=samples, w1_rays=_RAYS)


def _memory_row(name: str, samples: tuple[int, ...]) -> tuple[str, ...]:
    taken = [extra_memory(_prepare, _recipe(name, count)) for count in samples]
    return (name, *(f"{count / 1e6:.0f}" for count in taken), f"{taken[-1] / taken[-2]:.2f}")


def _prepare(recipe: Recipe) -> Callable[[], None]:
    return partial(_build, recipe, LocalThreads(2))


def _build(recipe: Recipe, engine: Engine) -> None:
    with tempfile.TemporaryDirectory() as folder:
        build(recipe, Path(folder), engine=engine)


def _rows_a_second(recipe: Recipe, engine: Engine) -> float:
    started = time.perf_counter()
    _build(recipe, engine)
    return (recipe.sizes.train + recipe.sizes.test) / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
