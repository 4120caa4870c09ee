"""An engine of processes on this machine, which share nothing; one that dies is replaced."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from tempfile import gettempdir

from w1bench.builder.engines.engine import (
    Result,
    Task,
    available_processors,
    compute_on_one_thread,
    in_order,
    keep_freed_memory,
)
from w1bench.errors import UnreachableError

_LOSSES = 3  # of workers without a result in between, after which no more are started
# A process that has imported what work needs is forked from, but where libraries of the system do not bear that, or the
# folder of temporary files has too long a name for a socket in it, which may have 107 bytes.
_FORKS = sys.platform == "linux" and len(os.fsencode(gettempdir())) <= 70
_CONTEXT = get_context("forkserver" if _FORKS else "spawn")


@dataclass(frozen=True)
class LocalProcesses:
    """Processes of one thread that run one task at a time; on Linux they are forked from a clean process that has imported the first task's module."""

    workers: int = 0  # 0: one for each processor that this process may use

    @contextmanager
    def started(self) -> Generator[Pool]:
        """The processes; an error in the block, Ctrl-C included, ends them in the middle of their tasks."""
        watched, held = _CONTEXT.Pipe(duplex=False)
        pool = Pool(self.workers or available_processors(), watched)
        try:
            yield pool
        except BaseException:
            held.close()
            raise
        finally:
            pool.close()
            held.close()
            watched.close()


class Pool:
    """Worker processes that run until the other end of `watched` is closed; they are replaced if one of them dies."""

    def __init__(self, count: int, watched: Connection) -> None:
        self._count, self._watched = count, watched
        self._pool = self._new()

    def __call__(self, work: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
        """As `Run`; the tasks of a worker that died are repeated.

        Raises:
            UnreachableError: workers keep dying.
        """

        def results(missing: Sequence[int]) -> Iterable[tuple[int, Result]]:
            ordered = in_order(missing, lambda place: self._submit(work, tasks[place]).result, self._count)
            return zip(missing, ordered, strict=True)

        return (result for _, result in self._repeated(results, len(tasks)))

    def as_completed(self, work: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[tuple[Task, Result]]:
        """Each task with its result, as soon as it is done; else as a call."""

        def results(missing: Sequence[int]) -> Iterable[tuple[int, Result]]:
            places = {self._submit(work, tasks[place]): place for place in missing}
            return ((places[done], done.result()) for done in as_completed(places))

        return ((tasks[place], result) for place, result in self._repeated(results, len(tasks)))

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _submit(self, work: Callable[[Task], Result], task: Task) -> Future[Result]:
        function = work.func if isinstance(work, partial) else work
        _CONTEXT.set_forkserver_preload([function.__module__])  # without effect once there is one
        return self._pool.submit(work, task)

    def _repeated(
        self, results: Callable[[Sequence[int]], Iterable[tuple[int, Result]]], count: int
    ) -> Iterator[tuple[int, Result]]:
        """The results of tasks 0, 1, ...: of those that are missing again, whenever a worker died."""
        missing, losses = dict.fromkeys(range(count)), 0
        while losses < _LOSSES:
            try:
                for place, result in results(list(missing)):
                    del missing[place]
                    losses = 0
                    yield place, result
                return
            except BrokenProcessPool:
                losses += 1
                self.close()
                self._pool = self._new()
        raise UnreachableError(
            f"Worker processes died {_LOSSES} times in a row; is there enough memory for {self._count}? What was "
            "finished is kept: give the command again with fewer --workers (a build: with --resume)."
        )

    def _new(self) -> ProcessPoolExecutor:
        given = (self._watched, dict(os.environ))
        return ProcessPoolExecutor(self._count, mp_context=_CONTEXT, initializer=_start, initargs=given)


def _start(watched: Connection, environment: Mapping[str, str]) -> None:
    """Set up a worker process, with the environment of the process that started the pool: the one that it was forked from may have an older one."""
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    threading.Thread(target=_end_with_parent, args=(watched,), daemon=True).start()
    compute_on_one_thread()
    keep_freed_memory()


def _end_with_parent(watched: Connection) -> None:
    watched.poll(None)  # nothing is ever sent: this returns when the parent closes the other end, or is killed
    os._exit(1)
