"""A real server on the loopback, and real workers, in processes of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import httpx2
import psutil

from support.forks import Fork
from w1bench_server.settings import Settings
from w1bench_server.web.serve import serve
from w1bench_server.worker.process import work

SECONDS = 180  # which only what hangs takes, also on a busy machine
_SETTLED_SECONDS = 2  # after which a process that waits for an upload has imported what it needs


@contextmanager
def serving(settings: Settings, *, seconds: float = SECONDS) -> Iterator[tuple[Fork, httpx2.Client]]:
    """A server and a client of it; killed at the end, and when it takes longer than `seconds`."""
    with _running(serve, settings, seconds=seconds) as (process, line):
        assert line.startswith("w1bench serving http://127.0.0.1:"), line
        with httpx2.Client(base_url=line.split()[2], timeout=60) as client:
            yield process, client


@contextmanager
def working(settings: Settings, *queues: str, seconds: float = SECONDS, before: str = "") -> Iterator[Fork]:
    """A worker, as `serving` has a server; it runs the program `before` first."""
    with _running(_work, before, settings, queues, seconds=seconds) as (process, line):
        assert line.startswith("w1bench working on "), line
        yield process


def _work(before: str, settings: Settings, queues: Sequence[str]) -> None:
    exec(before, {})
    work(settings, queues)


def ended(client: Any, job: str, *, seconds: float = SECONDS) -> dict[str, Any]:
    """The row of a job, once it has ended; `client` is one of the service's."""
    deadline = time.monotonic() + seconds
    while True:
        row = client.get(f"/v1/jobs/{job}").json()
        if row["ended_at"]:
            return row
        assert time.monotonic() < deadline, row
        time.sleep(0.1)


@contextmanager
def _running(function: Callable[..., None], *given: object, seconds: float) -> Iterator[tuple[Fork, str]]:
    """A process and the first line it says; killed at the end, and when it takes longer than `seconds`."""
    process = Fork(function, *given, piped=True)
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
def growth_of(server: int) -> Iterator[list[int]]:
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
