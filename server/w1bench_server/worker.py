"""The scoring process: the only one that ever opens an upload, whose damage or malice ends here.

Each job runs under an alarm of the operating system's, which ends the process even inside of a C library; and a worker
ends with the server, however that ended, because the pipe that the server holds is closed then.
"""

from __future__ import annotations

import os
import resource
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar

from w1bench import scorecard, store
from w1bench.errors import SubmissionError
from w1bench.manifest import Manifest, read_manifest
from w1bench.scorecard import Scored
from w1bench.submission import Submission, open_submission

T = TypeVar("T")
Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Job:
    """An upload to a pair, and how long it may take."""

    pair_folder: Path
    upload: Path
    seconds: float


@dataclass(frozen=True)
class Refusal:
    """Why an upload cannot be scored."""

    reason: str


def begin(lifeline: Connection, memory: int) -> None:
    """Prepare a worker: it addresses at most `memory` bytes, and ends when the other end of `lifeline` is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server's to handle
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def ready() -> None:
    """A job that does nothing: whoever waits for it has a worker with everything imported."""


def check(job: Job) -> Shapes | Refusal:
    """The arrays of an upload, if it can be scored."""
    return _opened(job, lambda manifest, submission: {name: rows.shape for name, rows in submission.items()})


def score(job: Job) -> Scored | Refusal:
    """The scorecard of an upload, with its resamples."""

    def scored(manifest: Manifest, submission: Submission) -> Scored:
        with store.open_file(job.pair_folder / "test.h5") as test:
            return scorecard.score_resampled(manifest, store.datasets(test), submission)

    return _opened(job, scored)


def _opened(job: Job, use: Callable[[Manifest, Submission], T]) -> T | Refusal:
    manifest = read_manifest(job.pair_folder)
    with _alarm(job.seconds), ExitStack() as stack:
        try:
            submission = stack.enter_context(open_submission(job.upload, manifest))
        except SubmissionError as error:
            return Refusal(_sentence(error, job.upload))
        except Exception as error:  # noqa: BLE001 - whatever a hostile file makes a library raise is the file's fault
            return Refusal(f"The file cannot be read ({type(error).__name__}); write it again with numpy.save or h5py.")
        return use(manifest, submission)


def _sentence(error: SubmissionError, upload: Path) -> str:
    """The error without what it repeats of the file, and without where the server put it."""
    said = str(error)
    if error.__context__ is not None:
        said = said.replace(f" ({error.__context__})", "")
    with upload.open("rb") as file:
        said = said.replace(f"starts with {file.read(8)!r}", "starts with other bytes")
    return said.replace(str(upload), "The file").replace(upload.name, "The file")


@contextmanager
def _alarm(seconds: float) -> Generator[None]:
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _end_with(lifeline: Connection) -> None:
    lifeline.poll(None)
    os._exit(0)
