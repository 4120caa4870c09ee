"""The scoring process: it maps the plain arrays of an upload itself, and has the jail read HDF5.

Each task runs under an alarm of the operating system, which ends the process even inside a C library. The process ends with the
server, however that ended, because the pipe that the server holds is closed then.
"""

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
from w1bench.scoring import submission_npy as npy
from w1bench.scoring.score import score_resampled
from w1bench.scoring.scorecard import Scorecard
from w1bench.scoring.submission import Submission
from w1bench_server.sandbox.confinement import Account
from w1bench_server.sandbox.hdf5_jail import BrokenJailError, Jail, Limits, NoJailError, NoRoomError
from w1bench_server.sandbox.syscalls import give_up_new_privileges, make_unreadable

T = TypeVar("T")
Shapes = dict[str, tuple[int, ...]]


class NoTruthError(PairError):
    """The truth of a sealed pair is missing, or is not what was committed to."""


@dataclass(frozen=True)
class ScoringTask:
    """An upload to score on a pair within so many seconds; `limits` are those of the jail, `truth` is the folder of sealed pairs' truths.

    The resamples of a score go to a file, and its points of the plane to one beside it: an outcome then fits into a pipe at once, so that no process that dies leaves half of one
    in the pipe that all share, where the server would wait for the rest.
    """

    pair_folder: Path
    upload: Path
    seconds: float
    limits: Limits
    truth: Path | None = None
    resampled: Path | None = None


@dataclass(frozen=True)
class Refusal:
    """The reason why an upload cannot be scored; `cause` is "content", or what ended the process that read it."""

    reason: str
    cause: str = "content"


@dataclass(frozen=True)
class NoRoom:
    """The outcome where the disk has no room to unpack an upload."""


@dataclass(frozen=True)
class NoJail:
    """The outcome where no process could be started to read an upload."""

    reason: str


Outcome = T | Refusal | NoRoom | NoJail
_jail: Jail | None = None  # of this process, which does one task at a time


def plane_beside(resampled: Path) -> Path:
    """The file of a score's points of the plane."""
    return resampled.with_suffix(".plane")


def begin(lifeline: Connection, memory: int, account: Account | None, required: tuple[str, ...]) -> None:
    """Prepare the process: it addresses at most `memory` bytes, and ends when the other end of `lifeline` is closed.

    Its jail's processes belong to `account`, and need the layers of `required`.
    """
    make_unreadable()
    give_up_new_privileges()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server handles it
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    global _jail
    _jail = Jail(account, required=required)


def ready() -> tuple[str, ...] | NoJail:
    """The layers of this process's jail; after it, the process and its jail have imported everything."""
    assert _jail is not None
    try:
        return _jail.layers
    except NoJailError as error:
        return NoJail(str(error))


def check(task: ScoringTask) -> Outcome[Shapes]:
    """The shapes of an upload's arrays, if it can be scored."""
    return _opened(task, lambda manifest, arrays: {name: rows.shape for name, rows in arrays.items()})


def score(task: ScoringTask) -> Outcome[Scorecard]:
    """The scorecard of an upload, whose resamples are written to `task.resampled` and points of the plane beside it."""

    def scored(manifest: Manifest, arrays: Submission) -> Scorecard:
        assert task.resampled is not None
        complete, kept = _with_truth(manifest, task)
        with open_test(task.pair_folder, complete, truth=kept) as test:
            result = score_resampled(complete, test, arrays)
        task.resampled.write_bytes(result.resampled)
        plane_beside(task.resampled).write_text(result.card.plane or "", encoding="ascii")
        return result.card.model_copy(update={"plane": None})

    return _opened(task, scored)


def _with_truth(manifest: Manifest, task: ScoringTask) -> tuple[Manifest, Path | None]:
    """The manifest with its pair's truth, and the folder where that is kept while the pair is sealed."""
    if manifest.state is not PairState.SEALED or task.truth is None:
        return manifest, None
    kept = task.truth / manifest.name
    try:
        reveal = seal.read_reveal(kept, manifest)
        files = tuple((name, entry.model_dump_json()) for name, entry in reveal.truth.files.items())
        _check(kept, files, tuple((kept / name).stat().st_mtime_ns for name, _ in files))
    except (CheckFailedError, PairError, OSError) as error:
        raise NoTruthError(str(error)) from None
    return seal.revealed(manifest, reveal), kept


@lru_cache(maxsize=64)
def _check(kept: Path, files: tuple[tuple[str, str], ...], changed_at: tuple[int, ...]) -> None:
    """Check the files of a truth, whose entries are JSON, against the commitment, once until they change."""
    check_digests(kept, {name: FileEntry.model_validate_json(entry) for name, entry in files})


def _opened(task: ScoringTask, use: Callable[[Manifest, Submission], T]) -> Outcome[T]:
    manifest = read_manifest(task.pair_folder)
    try:
        with _alarm(task.seconds), task.upload.open("rb") as file, _arrays(file, manifest, task.limits) as arrays:
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
