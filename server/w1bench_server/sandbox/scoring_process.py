"""The scoring process: it maps the plain arrays of an upload, and leaves HDF5 to the jail.

Each job runs under an alarm of the operating system's, which ends the process even inside of a C library; and a worker
ends with the server, however that ended, because the pipe that the server holds is closed then.
"""

from __future__ import annotations

import os
import resource
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import BinaryIO, TypeVar

from w1bench.archive import commitment as seal
from w1bench.archive.folder import check_digests, open_test, read_manifest
from w1bench.archive.manifest import FileEntry, Manifest, PairState
from w1bench.errors import CheckFailedError, PairError, SubmissionError
from w1bench.scoring import submission
from w1bench.scoring import untrusted_npy as npy
from w1bench.scoring.score import score_resampled
from w1bench.scoring.scorecard import Scorecard
from w1bench.scoring.submission import Submission
from w1bench_server.sandbox.jail import BrokenJailError, Jail, Limits, NoJailError, NoRoomError

T = TypeVar("T")
Shapes = dict[str, tuple[int, ...]]


class NoTruthError(PairError):
    """The truth of a sealed pair is not where the process looks for it, or not what was committed to."""


@dataclass(frozen=True)
class Job:
    """An upload to a pair, and how long it may take; `limits` are those of the jail, `truth` has what is kept back of sealed pairs.

    The resamples of a score go to a file: an outcome is less than what a pipe takes at once, so that no death leaves half of
    one in the pipe that all workers share, where the server would wait for the rest.
    """

    pair_folder: Path
    upload: Path
    seconds: float
    limits: Limits
    truth: Path | None = None
    resampled: Path | None = None


@dataclass(frozen=True)
class Refusal:
    """Why an upload cannot be scored; `cause` is "content", or what ended the process that read it."""

    reason: str
    cause: str = "content"


@dataclass(frozen=True)
class NoRoom:
    """The disk has no room to unpack an upload."""


@dataclass(frozen=True)
class NoJail:
    """No process could be started to read an upload: why."""

    reason: str


Outcome = T | Refusal | NoRoom | NoJail
_jail: Jail | None = None  # of this process: a worker does one job at a time


def begin(lifeline: Connection, memory: int) -> None:
    """Prepare a worker: it addresses at most `memory` bytes, and ends when the other end of `lifeline` is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server's to handle
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    global _jail
    _jail = Jail()


def ready() -> None:
    """A job that does nothing: whoever waits for it has a worker with everything imported."""


def check(job: Job) -> Outcome[Shapes]:
    """The arrays of an upload, if it can be scored."""
    return _opened(job, lambda manifest, arrays: {name: rows.shape for name, rows in arrays.items()})


def score(job: Job) -> Outcome[Scorecard]:
    """The scorecard of an upload, whose resamples are written to `job.resampled`."""

    def scored(manifest: Manifest, arrays: Submission) -> Scorecard:
        assert job.resampled is not None
        known, kept = _known(manifest, job)
        with open_test(job.pair_folder, known, truth=kept) as test:
            found = score_resampled(known, test, arrays)
        job.resampled.write_bytes(found.resampled)
        return found.card

    return _opened(job, scored)


def _known(manifest: Manifest, job: Job) -> tuple[Manifest, Path | None]:
    """The manifest with the truth of its pair, and the folder that this is kept in while the pair is sealed."""
    if manifest.state is not PairState.SEALED or job.truth is None:
        return manifest, None
    kept = job.truth / manifest.name
    try:
        reveal = seal.read_reveal(kept, manifest)
        files = tuple(reveal.truth.files.items())
        _check(kept, files, tuple((kept / name).stat().st_mtime_ns for name, _ in files))
    except (CheckFailedError, PairError, OSError) as error:
        raise NoTruthError(str(error)) from None
    return seal.revealed(manifest, reveal), kept


@lru_cache(maxsize=64)
def _check(kept: Path, files: tuple[tuple[str, FileEntry], ...], changed_at: tuple[int, ...]) -> None:
    """Hold the files of a truth against what was committed to, again only when they changed."""
    check_digests(kept, dict(files))


def _opened(job: Job, use: Callable[[Manifest, Submission], T]) -> Outcome[T]:
    manifest = read_manifest(job.pair_folder)
    try:
        with _alarm(job.seconds), job.upload.open("rb") as file, _arrays(file, manifest, job.limits) as arrays:
            return use(manifest, submission.checked(arrays, manifest))
    except BrokenJailError as error:
        return Refusal(str(error), error.cause)
    except SubmissionError as error:
        return Refusal(str(error))
    except NoRoomError:
        return NoRoom()
    except NoJailError as error:
        return NoJail(str(error))


@contextmanager
def _arrays(file: BinaryIO, manifest: Manifest, limits: Limits) -> Generator[Submission]:
    if submission.is_hdf5(file):
        assert _jail is not None
        with _jail.arrays(file, submission.shapes(manifest), limits) as arrays:
            yield arrays
    else:
        yield {submission.REQUIRED: npy.mapped(file, submission.REQUIRED)}


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
