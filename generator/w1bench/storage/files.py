"""Files that are written at once or not at all, also if the power fails; locks between processes; and SHA-256 of files."""

import hashlib
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import filelock

from w1bench.errors import W1BenchError


@contextmanager
def atomic_write(path: Path) -> Generator[BinaryIO]:
    """A file to write that takes `path`'s name when the block ends without an error, and otherwise leaves nothing."""
    # With random digits, because several machines may write to one folder.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that takes its name only when it is complete and on the disk."""
    with atomic_write(path) as file:
        file.write(content)


def keep_current(path: Path, content: bytes) -> None:
    """Write a file, its folder too, unless it is there already with this content; a link gives way to a file."""
    if path.is_symlink() or not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)


def fsync(path: Path) -> None:
    """Write a file's content, or a folder's entries, through to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def exclusive(lock: Path, otherwise: W1BenchError) -> Generator[None]:
    """Hold a lock file for the block; raises `otherwise` at once if another process holds it.

    The file is never removed: a process that waits for it would then lock a file that no longer exists.
    """
    held = filelock.FileLock(lock)
    try:
        held.acquire(timeout=0)
    except filelock.Timeout:
        raise otherwise from None
    try:
        yield
    finally:
        held.release()


def content_sha256(path: Path) -> str:
    """SHA-256 of a file; of a folder, that of the names and digests of its files in order."""
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.is_file())
        lines = [f"{p.relative_to(path).as_posix()} {content_sha256(p)}\n" for p in files]
        return hashlib.sha256("".join(lines).encode()).hexdigest()
    return file_digest(path)


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
