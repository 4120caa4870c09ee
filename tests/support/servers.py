"""A real server on the loopback, and real workers, in processes of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import IO, Any

import httpx2
import psutil

from support.forks import Fork
from support.processes import wait_for
from w1bench_server.settings import Settings
from w1bench_server.web.serve import serve
from w1bench_server.worker.process import work

SECONDS = 300  # far more than it takes; a busy machine is no failure
_SETTLED_SECONDS = 2  # after which a process that waits for an upload has imported what it needs


@contextmanager
def serving(
    settings: Settings, *, seconds: float = SECONDS, errors: IO[str] | None = None
) -> Generator[tuple[Fork, httpx2.Client]]:
    """A server and a client of it; killed at the end, and when it takes longer than `seconds`; its log may go to a file."""
    with _running(serve, settings, seconds=seconds, errors=errors) as (process, line):
        assert line.startswith("w1bench serving http://127.0.0.1:"), line
        with httpx2.Client(base_url=line.split()[2], timeout=60) as client:
            yield process, client


@contextmanager
def working(
    settings: Settings, *queues: str, seconds: float = SECONDS, errors: IO[str] | None = None
) -> Generator[Fork]:
    """A worker of some queues, by default of those that it can serve; its log may go to a file."""
    with _running(work, settings, queues, seconds=seconds, errors=errors) as (process, line):
        assert line.startswith("w1bench working on "), line
        yield process


def ended(client: Any, job: str, *, seconds: float = SECONDS) -> dict[str, Any]:
    """The row of a job, once it has ended; `client` is one of the service's."""

    def row() -> dict[str, Any]:
        return client.get(f"/v1/jobs/{job}").json()

    wait_for(lambda: row()["ended_at"], seconds=seconds)
    return row()


@contextmanager
def _running(
    function: Callable[..., None], *given: object, seconds: float, errors: IO[str] | None
) -> Generator[tuple[Fork, str]]:
    """A process and the first line it says; killed at the end, and when it takes longer than `seconds`."""
    process = Fork(function, *given, piped=True, stderr=errors.fileno() if errors else 2)
    watchdog = threading.Timer(seconds, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline()
    finally:
        watchdog.cancel()
        process.kill()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


@contextmanager
def growth_of(server: int) -> Generator[list[int]]:
    """By how many bytes the server and all processes below it grew together, looked at again and again."""
    growth: list[int] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            growth.append(_resident(server) - before)

    time.sleep(_SETTLED_SECONDS)
    before = _resident(server)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield growth
    finally:
        ended.set()
        watcher.join()


def _resident(server: int) -> int:
    total = 0
    for process in (psutil.Process(server), *psutil.Process(server).children(recursive=True)):
        with suppress(psutil.NoSuchProcess):  # it has just ended
            total += process.memory_info().rss
    return total
