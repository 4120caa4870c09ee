"""A server's own worker: a child process that is restarted when it dies, and that ends when the server does, even by a kill."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress

from w1bench_server.settings import Settings

_PROGRAM = "from w1bench_server.worker.process import main; main()"
_PAUSES = (0.5, 30.0)  # seconds before the next start: first, and at most
_STEADY_SECONDS = 60.0  # of running, after which the pauses begin anew
_PATIENCE_SECONDS = 25.0  # more than a worker needs to stop
_log = logging.getLogger(__name__)


@contextmanager
def worker(settings: Settings, umask: int = -1) -> Generator[None]:
    """Run a worker for the block, unless the settings say that others do the jobs; it writes its files under `umask`."""
    if settings.own_worker == "none":
        yield
        return
    over = threading.Event()
    thread = threading.Thread(target=_keep, args=(settings, over, umask), name="worker")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _keep(settings: Settings, over: threading.Event, umask: int) -> None:
    """Restart the worker whenever it ends, until `over` is set."""
    pause = _PAUSES[0]
    while not over.is_set():
        begun = time.monotonic()
        status = _run(settings, over, umask)
        if not over.is_set():
            pause = _PAUSES[0] if time.monotonic() - begun > _STEADY_SECONDS else pause
            _log.error("the worker ended with status %d; it is started again in %g s", status, pause)
            over.wait(pause)
            pause = min(2 * pause, _PAUSES[1])


def _run(settings: Settings, over: threading.Event, umask: int) -> int:
    """Run a worker until it ends or `over` is set; returns its exit status."""
    command = [sys.executable, "-P", "-c", _PROGRAM]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, umask=umask) as process:
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it died at once
            os.write(process.stdin.fileno(), settings.model_dump_json().encode() + b"\n")
        while process.poll() is None and not over.wait(0.1):
            continue
        process.stdin.close()  # which tells it to stop
        try:
            return process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
