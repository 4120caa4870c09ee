"""An engine of processes on this machine, which share nothing; one that dies is replaced."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection

from w1bench.builder.engines.engine import Result, Run, Task, available_processors, compute_on_one_thread, in_order
from w1bench.errors import UnreachableError

_SPAWN = get_context("spawn")
_LOSSES = 3  # of workers without a result in between, after which the build gives up


@dataclass(frozen=True)
class LocalProcesses:
    """Spawned processes, one shard each at a time."""

    workers: int = 0  # 0: one for each processor that this process may use

    @contextmanager
    def started(self) -> Generator[Run]:
        with _Pool(self.workers or available_processors()) as pool:
            yield pool.run


class _Pool:
    """A pool of processes that is replaced if one of its workers dies."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._watched, self._held = _SPAWN.Pipe(duplex=False)
        self._pool = self._new()

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._held.close()

    def run(self, work: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
        """As `Run`; the tasks of a worker that died are repeated.

        Raises:
            UnreachableError: workers keep dying.
        """
        done = losses = 0
        while losses < _LOSSES:
            try:
                for result in in_order(tasks[done:], lambda task: self._pool.submit(work, task).result, self._count):
                    done, losses = done + 1, 0
                    yield result
                return
            except BrokenProcessPool:
                losses += 1
                self._pool.shutdown(cancel_futures=True)
                self._pool = self._new()
        raise UnreachableError(
            f"Worker processes died {_LOSSES} times in a row; is there enough memory for {self._count}? Give fewer "
            "--workers, and resume the build with --resume."
        )

    def _new(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self._count, mp_context=_SPAWN, initializer=start_worker, initargs=(self._watched,))


def start_worker(watched: Connection) -> None:
    """Set up this worker process: it computes on one thread, and ends when its parent closes the other end of `watched` or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to answer
    threading.Thread(target=_end_when_closed, args=(watched,), daemon=True).start()
    compute_on_one_thread()


def _end_when_closed(watched: Connection) -> None:
    watched.poll(None)  # nothing is ever sent: this returns when the other end is closed
    os._exit(1)
