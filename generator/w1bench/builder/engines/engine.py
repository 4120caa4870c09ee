"""The protocol of engines, which compute the shards of a build: a shard is a function of its recipe and tiles, so that all give the same bytes."""

from __future__ import annotations

import ctypes
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from threadpoolctl import threadpool_limits

Task = TypeVar("Task")
Result = TypeVar("Result")
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # parameters of mallopt(3)


class Run(Protocol):
    """Calls `work` on every task and yields the results in the order of the tasks; engines of other processes pickle both."""

    def __call__(self, work: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]: ...


class Engine(Protocol):
    """A kind of workers, which `started` runs for the block."""

    def started(self) -> AbstractContextManager[Run]: ...


def in_order(tasks: Sequence[Task], submit: Callable[[Task], Callable[[], Result]], ahead: int) -> Iterator[Result]:
    """Results in the order of the tasks, with up to `ahead` tasks submitted beyond the one that is waited for.

    `submit` starts a task and returns a function that waits for its result.
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


def keep_freed_memory() -> None:
    """Have glibc keep up to 64 MB of freed memory instead of returning it to the system, which cost some trainings a third of their time in page faults."""
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(_TRIM_THRESHOLD, 64 << 20)
        mallopt(_MMAP_THRESHOLD, 32 << 20)


def compute_on_one_thread() -> None:
    """Restrict this process to one thread: that is faster for small tiles, and rounds the same everywhere."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"  # for libraries that are still to be loaded
    threadpool_limits(1)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
