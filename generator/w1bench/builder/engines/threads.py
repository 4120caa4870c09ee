"""An engine of threads in this process, which share its memory."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from w1bench.builder.engines.engine import Result, Run, Task, available_processors, in_order


@dataclass(frozen=True)
class LocalThreads:
    """Threads of this process, one shard each at a time; the kernels and numpy's products release the interpreter's lock.

    Matrix products and networks themselves run on one thread, which is faster for small tiles and rounds the same everywhere.
    """

    workers: int = 0  # 0: one for each processor that this process may use

    @contextmanager
    def started(self) -> Generator[Run]:
        count = self.workers or available_processors()
        # OpenMP keeps its number of threads for each thread by itself, so that the limit is set in every worker, too.
        with threadpool_limits(1), ThreadPoolExecutor(count, initializer=threadpool_limits, initargs=(1,)) as pool:

            def run(work: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
                return in_order(tasks, lambda task: pool.submit(work, task).result, count)

            yield run
