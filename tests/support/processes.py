"""Tasks that worker processes run in tests, and waits for a child process; it imports little, so that they start fast."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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


def where(_: int) -> int:
    """The process, after a moment that lets others take tasks too."""
    time.sleep(0.2)
    return os.getpid()


def wait_for(condition: Callable[[], bool], child: subprocess.Popen[bytes] | Fork) -> None:
    """Wait until the condition holds, or fail: the child's work reaches it, or it ended with it."""
    deadline = time.monotonic() + 60
    while not condition():
        assert child.poll() in (None, 0), "the child failed"
        assert time.monotonic() < deadline, "the child took too long"
        time.sleep(0.005)
