"""Timing: works that are compared run in turn, A B A B, so that a slow spell of the machine falls on all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from math import ceil

Work = Callable[[int], object]  # does its work so many times over

_SURELY_LONG = 10  # times what a round should take: then one pass is enough, compiling included


def once(work: Callable[[], object]) -> Work:
    """A work that is repeated by a plain loop."""

    def repeat(passes: int) -> None:
        for _ in range(passes):
            work()

    return repeat


def medians(works: Mapping[str, Work], *, rounds: int, least_seconds: float = 0.0) -> dict[str, float]:
    """Median seconds a pass of each work over `rounds` rounds, after a warm-up; a round takes `least_seconds` or more."""
    passes = {name: _passes(work, least_seconds) for name, work in works.items()}
    return _medians(works, passes, rounds)


def in_turn(works: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, float]:
    """Median seconds of long works over `rounds` rounds, without a warm-up."""
    return _medians({name: once(work) for name, work in works.items()}, dict.fromkeys(works, 1), rounds)


def _medians(works: Mapping[str, Work], passes: Mapping[str, int], rounds: int) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            taken[name].append(_seconds(work, passes[name]))
    return {name: statistics.median(of_work) for name, of_work in taken.items()}


def _passes(work: Work, least_seconds: float) -> int:
    """How many passes take `least_seconds`; a first pass that compiles is measured again."""
    if _seconds(work, 1) > _SURELY_LONG * least_seconds:
        return 1
    return ceil(least_seconds / _seconds(work, 1))


def _seconds(work: Work, passes: int) -> float:
    """Seconds a pass."""
    started = time.perf_counter()
    work(passes)
    return (time.perf_counter() - started) / passes
