"""The jail: HDF5 uploads are opened in a fresh process that can open nothing else; arrays come back as plain memory maps."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from w1bench.errors import SubmissionError, W1BenchError
from w1bench.scoring import untrusted_hdf5 as members
from w1bench_server.sandbox import jail_process as jailed

# An isolated process finds what is installed; this is where these packages are, also when they run from elsewhere.
_ROOTS = {str(Path(str(module.__file__)).parents[2]) for module in (members, jailed)}
_PROGRAM = (
    "import sys; sys.path[:0] = sys.argv[1:]; from w1bench_server.sandbox import jail_process; jail_process.main()"
)
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1"}  # it would reserve memory for every processor
_START_SECONDS = 30.0  # that a process may take until it waits for a file
_LAST_SECONDS = 5.0  # that a process which has closed its end may take to be gone
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Limits:
    """What one upload may take in the jail, and the free disk that must be left."""

    memory: int
    cpu_seconds: int
    wall_seconds: float
    min_free: int


class BrokenJailError(SubmissionError):
    """The process that read an upload was ended; `cause` is "time" or the signal's name."""

    def __init__(self, cause: str) -> None:
        super().__init__("The process that read the file died or took too long; write it again, without compression.")
        self.cause = cause


class NoRoomError(W1BenchError):
    """The disk has no room for the arrays."""


class NoJailError(W1BenchError):
    """The process that would read an upload did not start; nothing is known of the file."""


class Jail:
    """Makes a process for every upload; one waits beforehand with everything imported."""

    def __init__(self) -> None:
        self._next = _Cell()

    @contextmanager
    def arrays(self, upload: BinaryIO, shapes: Shapes, limits: Limits) -> Generator[dict[str, NDArray[Any]]]:
        """The arrays of an HDF5 upload that have a name in `shapes`, as read-only memory maps.

        Raises:
            SubmissionError: they are not what `shapes` says, or the process was ended, by a signal or by its time.
            NoRoomError: the disk has no room for them.
            NoJailError: the process did not start.
        """
        folder = Path(upload.name).parent
        copy_bytes = sum(8 * prod(shape) for shape in shapes.values())
        if shutil.disk_usage(folder).free - copy_bytes < limits.min_free:
            raise NoRoomError(f"{folder} has no room for the arrays of an upload.")
        with tempfile.TemporaryFile(dir=folder) as copy:
            told = {"memory": limits.memory, "cpu_seconds": limits.cpu_seconds, "copy_bytes": copy_bytes}
            message = json.dumps({"shapes": shapes, "limits": told}).encode()
            answer = self._ask(message, (upload, copy), limits.wall_seconds)
            if answer.disk_full:
                raise NoRoomError(f"{folder} has no room for the arrays of an upload.")
            if answer.refusal is not None:
                raise SubmissionError(answer.refusal)
            yield {
                name: _mapped(copy if place.copied else upload, place, shape)
                for name, shape in shapes.items()
                if (place := answer.arrays.get(name)) is not None
            }

    def _ask(self, message: bytes, files: tuple[BinaryIO, BinaryIO], seconds: float) -> _Answer:
        """The answer of the process that waits; then the next one begins to wait."""
        cell = self._next if self._next.waits() else _Cell()
        try:
            return cell.ask(message, files, seconds)
        finally:
            self._next = _Cell()


class _Place(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    dtype: Literal["<f2", "<f4", "<f8"]
    copied: bool
    offset: Annotated[int, Field(ge=0)]


class _Answer(BaseModel):
    """What a jailed process may say; it is believed no more than the file."""

    model_config = ConfigDict(strict=True, extra="forbid")

    arrays: dict[str, _Place] = {}
    refusal: str | None = None
    disk_full: bool = False


class _Cell:
    """A jailed process, for one upload."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _PROGRAM, *_ROOTS],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_ENVIRONMENT,
            )

    def waits(self) -> bool:
        """Whether it is still there."""
        return self._process.poll() is None

    def ask(self, message: bytes, files: tuple[BinaryIO, BinaryIO], seconds: float) -> _Answer:
        """Its answer; afterwards it is gone."""
        with self._channel:
            self._await_start()
            deadline = time.monotonic() + seconds
            try:
                socket.send_fds(self._channel, [message], [file.fileno() for file in files])
                said = self._said(deadline)
            except TimeoutError:
                self.end(0)
                raise BrokenJailError("time") from None
            except OSError:  # it ended when it was asked
                said = b""
        self.end(_LAST_SECONDS)
        try:
            return _Answer.model_validate_json(said)
        except ValidationError:
            raise BrokenJailError(_cause(self._process.returncode)) from None

    def end(self, patience: float) -> None:
        """Kill it, unless it ends by itself within that many seconds."""
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _await_start(self) -> None:
        self._channel.settimeout(_START_SECONDS)
        try:
            started = self._channel.recv(len(jailed.READY)) == jailed.READY
        except OSError:
            started = False
        if not started:
            self.end(0)
            raise NoJailError(f"The process that reads uploads did not start ({_cause(self._process.returncode)}).")

    def _said(self, deadline: float) -> bytes:
        """Everything until the other end is closed, or more than an answer ever has."""
        said = b""
        while len(said) <= jailed.MESSAGE_BYTES:
            if (left := deadline - time.monotonic()) <= 0:
                raise TimeoutError
            self._channel.settimeout(left)
            if not (piece := self._channel.recv(jailed.MESSAGE_BYTES)):
                break
            said += piece
        return said


def _cause(returncode: int) -> str:
    return signal.Signals(-returncode).name if returncode < 0 else "exit"


def _mapped(file: BinaryIO, place: _Place, shape: tuple[int, ...]) -> NDArray[Any]:
    dtype = np.dtype(place.dtype)
    if place.offset + dtype.itemsize * prod(shape) > os.fstat(file.fileno()).st_size:
        raise BrokenJailError("exit")
    return np.memmap(file, dtype, "r", place.offset, shape)
