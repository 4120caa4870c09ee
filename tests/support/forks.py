"""Processes of their own that start at once: they are forked from one that has imported what commands, servers and workers import.

What runs in them is what would run in a new interpreter; only the second or two of imports is spent once and not each time.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from multiprocessing import get_context, reduction
from multiprocessing.forkserver import ensure_running
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, TextIO

_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "torch",
        "torch._dynamo",  # which torch.optim imports for the first optimiser, in a second
        "w1bench.cli.main",
        "scipy.optimize",
        "w1bench.builder.build",
        "w1bench.builder.describe.preview",
        "w1bench.builder.verify",
        "w1bench.solvers",
        "w1bench.trials.grid",
        "w1bench_server.web.serve",
        "w1bench_server.worker.process",
    ]
)


def start_server() -> None:
    """Have the process that all are forked from import all of this now, beside whatever this one does."""
    ensure_running()


class Fork:
    """A process that calls a function; with what tests use of `subprocess.Popen`.

    Its standard output can be read from `stdout` if it is `piped`; else it and its errors go where those of this process go.
    """

    def __init__(
        self,
        function: Callable[..., object],
        *arguments: object,
        piped: bool = False,
        stdout: int = 1,
        stderr: int = 2,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        **options: object,
    ) -> None:
        self.stdout: TextIO | None = None
        writer = None
        if piped:
            reader, writer = os.pipe()
            self.stdout, stdout = os.fdopen(reader, encoding="utf-8"), writer
        place = (folder or Path.cwd(), dict(environment or os.environ))
        given = (_Descriptor(stdout), _Descriptor(stderr), place, function, arguments, options)
        self._process: Any = _CONTEXT.Process(target=_run, args=given)
        self._process.start()
        if writer is not None:
            os.close(writer)

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(str(self._process), timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()


class _Descriptor:
    """A file descriptor that a process is given when it starts."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __reduce__(self) -> tuple[Callable[[Any], int], tuple[object]]:
        return _received, (reduction.DupFd(self._number),)


def _received(handle: Any) -> int:
    return handle.detach()


def _run(
    stdout: int, stderr: int, place: tuple[Path, dict[str, str]], function: Callable[..., object],
    arguments: tuple[object, ...], options: dict[str, object],
) -> None:  # fmt: skip
    for number, given in ((1, stdout), (2, stderr)):
        os.dup2(given, number)
        os.close(given)
    os.chdir(place[0])
    os.environ.clear()
    os.environ.update(place[1])
    gc.freeze()  # what was imported is not looked through again
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which is ignored where tests run in the background
    function(*arguments, **options)


def command(
    *words: object, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """What `w1bench WORDS` prints and ends with."""
    with TemporaryFile("w+", encoding="utf-8") as out, TemporaryFile("w+", encoding="utf-8") as errors:
        process = Fork(
            _command, list(map(str, words)), stdout=out.fileno(), stderr=errors.fileno(), folder=folder,
            environment=environment,
        )  # fmt: skip
        code = process.wait()
        said = []
        for file in (out, errors):
            file.seek(0)
            said.append(file.read())
    return subprocess.CompletedProcess(words, code, *said)


def _command(words: list[str]) -> None:
    from w1bench.cli.main import main

    sys.argv = ["w1bench", *words]
    main()
