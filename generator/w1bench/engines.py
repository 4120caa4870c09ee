"""Engines: where the shards of a build are computed. A shard is a function of (recipe, index), so any engine gives the same bytes."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

from threadpoolctl import threadpool_limits

Task = TypeVar("Task")
Result = TypeVar("Result")


class Engine(Protocol):
    """Runs `work` on every task; yields the results in the order of the tasks."""

    def run(self, work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]: ...


@dataclass(frozen=True)
class LocalThreads:
    """Threads of this process, one shard each at a time; the kernels and numpy's products release the interpreter's lock.

    Matrix products and networks themselves run on one thread, which is faster for small tiles and rounds the same everywhere.
    """

    workers: int = 0  # 0: one for each processor that this process may use

    def run(self, work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        count = self.workers or available_processors()
        # OpenMP keeps its number of threads for each thread by itself, so that every worker has to be told, too.
        with threadpool_limits(1), ThreadPoolExecutor(count, initializer=threadpool_limits, initargs=(1,)) as pool:
            running: deque[Future[Result]] = deque()
            for task in tasks:
                running.append(pool.submit(work, task))
                if len(running) > count:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()


def available_processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
