"""A server in a process of its own, for tests and scripts that ask it over the loopback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from w1bench_server.settings import Settings

PROGRAM = """
import sys
from w1bench_server.serve import serve
from w1bench_server.settings import Settings
serve(Settings.model_validate_json(sys.argv[1]))
"""


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """The URL of a server, without a slash at its end; the server ends with the block."""
    with started(settings) as process:
        try:
            yield announced(process)
        finally:
            process.terminate()


def started(settings: Settings) -> subprocess.Popen[str]:
    """A server that was just told to start."""
    command = [sys.executable, "-c", PROGRAM, settings.model_dump_json()]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def announced(process: subprocess.Popen[str]) -> str:
    """The URL that a server says when it answers."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("w1bench serving "), line
    return line.split()[2].rstrip("/")
