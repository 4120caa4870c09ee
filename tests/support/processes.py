"""Tasks that worker processes run in tests, and how tests wait for processes and find them; it imports little, so that they start fast."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from support.forks import Fork


@dataclass(frozen=True)
class Fragile:
    """Squares; workers die at task 3 until `deaths` have, each noted in `folder`."""

    folder: Path
    deaths: int = 0

    def __call__(self, task: int) -> int:
        if task == 3 and len(list(self.folder.glob("dead-*"))) < self.deaths:
            (self.folder / f"dead-{os.getpid()}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return task * task


def inverse(task: int) -> float:
    return 1 / task


def threads_of_torch(_: int) -> int:
    import torch  # as a generator's worker does: after it was told to compute on one thread

    return torch.get_num_threads()


def faults_of_arrays(rounds: int) -> int:
    """Page faults of this process while it makes, fills and frees two arrays of 8 MB so often; the first round does not count."""
    import numpy as np

    before = 0
    for turn in range(rounds + 1):
        arrays = [np.full(1 << 20, float(turn)) for _ in range(2)]
        del arrays
        before = before or resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def where(_: int) -> int:
    """The process, after a moment that lets others take tasks too."""
    time.sleep(0.2)
    return os.getpid()


def wait_for(
    condition: Callable[[], object], child: subprocess.Popen[Any] | Fork | None = None, *, seconds: float = 300
) -> None:
    """Wait until the condition holds; fail if it takes too long, or if a child whose work leads to it fails before.

    Looks take a sixth of the time at most: what is waited for needs the processors.
    """
    deadline = time.monotonic() + seconds
    while True:
        begun = time.monotonic()
        if condition():
            return
        assert child is None or child.poll() in (None, 0), "the child failed"
        assert time.monotonic() < deadline, f"it took longer than {seconds} s"
        time.sleep(max(0.02, 5 * (time.monotonic() - begun)))


def descendants(process: int, program: str = "") -> list[psutil.Process]:
    """The processes below a process whose command line contains `program`."""
    found: list[psutil.Process] = []
    for child in psutil.Process(process).children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            found += [child] if program in " ".join(child.cmdline()) else []
    return found
