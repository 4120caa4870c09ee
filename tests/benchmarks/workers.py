"""Workers: how soon the processes of a trial can train, forked from one that has imported what they need and spawned; and what page faults cost them."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any, TypeVar

import torch
from report import parse, publish, table

from w1bench.builder.engines.engine import keep_freed_memory
from w1bench.builder.engines.processes import LocalProcesses
from w1bench.solvers import SOLVERS, ReferenceSolver
from w1bench.trials.grid import checkpoint_of

_COUNTS, _QUICK_COUNTS = (1, 2, 4, 8), (1, 2)
_METHODS = ("wc", "lp", "so", "mmb", "mmbv2")
_SHAPE = (64,)
_START = """\
## Start

Seconds until so many processes have started, imported what a trial needs, and ended, medians of {rounds}, in turn, each in a new process that
has no others. Spawned processes, which each import it, are the reference."""
_MEMORY = """\
## Memory that was freed

Milliseconds of processor time and page faults of a step on fresh normal points of 64 dimensions, medians of {rounds} trainings of {steps} steps, in
turn, each in a new process; without `keep_freed_memory`, the reference, the C library hands large arrays back and gets them again page by page."""
_WORK: Any = partial(checkpoint_of, Path())  # of the module whose work the workers of a trial do
Found = TypeVar("Found")


def main() -> None:
    run = parse("workers", __doc__)
    rounds, steps = (1, 20) if run.quick else (3, 100)
    starts = [
        _row(str(count), *(_median(rounds, start, count) for start in (_spawned, _forked)), 2)
        for count in (_QUICK_COUNTS if run.quick else _COUNTS)
    ]
    trainings = [_training(SOLVERS[name].tag, name, rounds, steps) for name in _METHODS]
    sections = [
        _START.format(rounds=rounds), table(("processes", "spawned", "forked", "ratio"), starts),
        _MEMORY.format(rounds=rounds, steps=steps),
        table(("method", "handed back", "kept", "ratio", "faults handed back", "faults kept"), trainings),
    ]  # fmt: skip
    publish(run, "Workers", sections, packages=("w1bench", "torch", "numpy"))


def _row(name: str, reference: float, ours: float, digits: int) -> tuple[str, ...]:
    return (name, f"{reference:.{digits}f}", f"{ours:.{digits}f}", f"{ours / reference:.2f}")


def _median(rounds: int, function: Callable[[int], float], count: int) -> float:
    return median(_apart(partial(function, count)) for _ in range(rounds))


def _training(tag: str, name: str, rounds: int, steps: int) -> tuple[str, ...]:
    found = [[_apart(partial(_trained, name, steps, keep=keep)) for keep in (False, True)] for _ in range(rounds)]
    (before, faults_before), (after, faults_after) = (
        [median(values) for values in zip(*runs, strict=True)] for runs in zip(*found, strict=True)
    )
    return (*_row(tag, before, after, 1), f"{faults_before:.0f}", f"{faults_after:.0f}")


def _apart(function: Callable[[], Found]) -> Found:
    """What a function returns in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function).result()


def _forked(count: int) -> float:
    started = time.monotonic()
    with LocalProcesses(count).started() as run:
        list(run(_WORK, _tasks(count)))
    return time.monotonic() - started


def _spawned(count: int) -> float:
    started = time.monotonic()
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        list(pool.map(_WORK, _tasks(count)))
    return time.monotonic() - started


def _tasks(count: int) -> list[SimpleNamespace]:
    """What stands for so many trials."""
    named = {"pair": SimpleNamespace(name="pair"), "method": SimpleNamespace(tag="method"), "identity": dict}
    return [SimpleNamespace(seed=seed, **named) for seed in range(count)]


def _trained(name: str, steps: int, *, keep: bool) -> tuple[float, float]:
    """(milliseconds of processor time, page faults) of a step, after the first few."""
    torch.set_num_threads(1)
    if keep:
        keep_freed_memory()

    def sampler(k: int) -> torch.Tensor:
        return torch.randn(1024, *_SHAPE, generator=torch.Generator().manual_seed(k))

    def train(count: int) -> None:
        settings = replace(SOLVERS[name].settings(_SHAPE), steps=count)
        ReferenceSolver(SOLVERS[name], _SHAPE, settings).fit(sampler, lambda k: sampler(10**6 + k) + 1)

    train(5)
    before = resource.getrusage(resource.RUSAGE_SELF)
    train(steps)
    after = resource.getrusage(resource.RUSAGE_SELF)
    worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return worked / steps * 1000, (after.ru_minflt - before.ru_minflt) / steps


if __name__ == "__main__":
    main()
