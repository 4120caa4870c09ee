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
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from math import prod
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from w1bench.errors import SubmissionError, W1BenchError
from w1bench.scoring import submission_hdf5 as members
from w1bench_server.sandbox import hdf5_jail_process as jailed
from w1bench_server.sandbox.confinement import LAYERS, Account

# An isolated process finds what is installed; this is where these packages are, also when they run from elsewhere.
_ROOTS = {str(Path(str(module.__file__)).parents[2]) for module in (members, jailed)}
# A program is given the numbers of its user and group, or two empty words, and where these packages are.
PROGRAM = """
import sys
sys.path[:0] = sys.argv[3:]
from w1bench_server.sandbox import confinement, hdf5_jail_process
hdf5_jail_process.main(confinement.Account(*map(int, sys.argv[1:3])) if sys.argv[1] else None)
"""
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
    """Makes a process for every upload; one waits beforehand with everything imported.

    The processes belong to `account`, where this one is root; none is used that lacks a layer of `required`. `program` is
    what they run, in Python.
    """

    def __init__(
        self, account: Account | None = None, *, required: Collection[str] = (), program: str = PROGRAM
    ) -> None:
        self._new = partial(_Cell, account, frozenset(required), program)
        self._next = self._new()

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that confine its processes; raises NoJailError as `arrays` does."""
        if not self._next.waits():
            self._next = self._new()
        return self._next.layers

    def close(self) -> None:
        """End the process that waits."""
        self._next.end(0)

    @contextmanager
    def arrays(self, upload: BinaryIO, shapes: Shapes, limits: Limits) -> Generator[dict[str, NDArray[Any]]]:
        """The arrays of an HDF5 upload that have a name in `shapes`, as read-only memory maps.

        Raises:
            SubmissionError: they are not what `shapes` says, or the process was ended, by a signal or by its time.
            NoRoomError: the disk has no room for them.
            NoJailError: the process did not start, or a layer is missing that is required.
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
        cell = self._next if self._next.waits() else self._new()
        try:
            return cell.ask(message, files, seconds)
        finally:
            self._next = self._new()


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

    def __init__(self, account: Account | None, required: frozenset[str], program: str) -> None:
        self._required = required
        user = ("", "") if account is None else (str(account.uid), str(account.gid))
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", program, *user, *_ROOTS],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_ENVIRONMENT,
            )

    def waits(self) -> bool:
        """Whether it is still there."""
        return self._process.poll() is None

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """The layers that confine it, which it says when it waits for a file."""
        self._channel.settimeout(_START_SECONDS)
        try:
            said = self._channel.recv(jailed.MESSAGE_BYTES)  # one line, sent at once
        except OSError:
            said = b""
        if not said.endswith(b"\n"):
            self.end(0)
            raise NoJailError(f"The process that reads uploads did not start ({_cause(self._process.returncode)}).")
        layers = said.decode().strip().split(",")
        if missing := [name for name in LAYERS if name in self._required and name not in layers]:
            self.end(0)
            raise NoJailError(
                f"The process that reads uploads is not confined by {' and '.join(missing)}, as W1BENCH_JAIL_REQUIRED asks: "
                "the kernel or the account that the service runs as does not allow it."
            )
        return tuple(name for name in LAYERS if name in layers)

    def ask(self, message: bytes, files: tuple[BinaryIO, BinaryIO], seconds: float) -> _Answer:
        """Its answer; afterwards it is gone."""
        with self._channel:
            _ = self.layers  # it waits for the file
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
        """Close its channel and kill it, unless it ends by itself within that many seconds."""
        self._channel.close()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

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
