"""A server's own worker: a child process that is restarted when it dies, and that ends when the server does, even by a kill."""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

from w1bench_server.settings import Settings
from w1bench_server.worker.data_location import data_location

_PROGRAM = "from w1bench_server.worker.process import main; main()"
_PAUSES = (0.5, 30.0)  # seconds before the next start: first, and at most
_STEADY_SECONDS = 60.0  # of running, after which the pauses begin anew
_POLL_SECONDS = 0.05
_PATIENCE_SECONDS = 25.0  # more than a worker needs to stop
_log = logging.getLogger(__name__)


@contextmanager
def worker(
    settings: Settings, begin: threading.Event, stopping: Callable[[], bool], umask: int = -1
) -> Generator[None]:
    """Run a worker from `begin` on until `stopping()` or the end of the block, unless the settings say that others do the jobs.

    It writes its files under `umask`.
    """
    if settings.own_worker == "none":
        yield
        return
    over = threading.Event()
    thread = threading.Thread(
        target=_keep, args=(settings, begin, lambda: over.is_set() or stopping(), umask), name="worker"
    )
    thread.start()
    try:
        yield
    finally:
        over.set()
        begin.set()
        thread.join()


def _keep(settings: Settings, begin: threading.Event, is_over: Callable[[], bool], umask: int) -> None:
    """Start the worker, and again whenever it ends, until `is_over()`, but not while the server's data are gone."""
    begin.wait()
    location, pause = data_location(settings), _PAUSES[0]
    while not is_over():
        if not location.is_unchanged():
            _wait(_PAUSES[0], is_over)
            continue
        begun = time.monotonic()
        status = _run(settings, is_over, umask)
        if not is_over():
            pause = _PAUSES[0] if time.monotonic() - begun > _STEADY_SECONDS else pause
            _log.error("the worker ended with status %d; it is started again in %g s", status, pause)
            _wait(pause, is_over)
            pause = min(2 * pause, _PAUSES[1])


def _run(settings: Settings, is_over: Callable[[], bool], umask: int) -> int:
    """Run a worker until it ends or `is_over()`; returns its exit status."""
    command = [sys.executable, "-P", "-c", _PROGRAM]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, umask=umask) as process:
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it died at once
            os.write(process.stdin.fileno(), settings.model_dump_json().encode() + b"\n")
        while process.poll() is None and not is_over():
            time.sleep(_POLL_SECONDS)
        process.stdin.close()  # which tells it to stop
        try:
            return process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _wait(seconds: float, is_over: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not is_over():
        time.sleep(_POLL_SECONDS)
