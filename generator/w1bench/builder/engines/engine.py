"""Engines: where the shards of a build are computed. A shard is a function of (recipe, index), so any engine gives the same bytes."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from threadpoolctl import threadpool_limits

Task = TypeVar("Task")
Result = TypeVar("Result")


class Run(Protocol):
    """Does `work` on every task; yields the results in the order of the tasks. Other processes need both to be picklable."""

    def __call__(self, work: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]: ...


class Engine(Protocol):
    """Workers, for as long as the block lasts."""

    def started(self) -> AbstractContextManager[Run]: ...


def in_order(tasks: Sequence[Task], submit: Callable[[Task], Callable[[], Result]], ahead: int) -> Iterator[Result]:
    """Results in the order of the tasks, of which `ahead` are handed out beyond the one that is waited for.

    `submit` hands a task out, and returns what waits for its result.
    """
    waiting: deque[Callable[[], Result]] = deque()
    for task in tasks:
        waiting.append(submit(task))
        if len(waiting) > ahead:
            yield waiting.popleft()()
    while waiting:
        yield waiting.popleft()()


def available_processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def compute_on_one_thread() -> None:
    """Matrix products and networks of this worker process on one thread: faster for small tiles, and rounds the same everywhere."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"  # for libraries that are still to be loaded
    threadpool_limits(1)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
