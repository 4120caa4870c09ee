"""Uploads: request bodies that are received into temporary files, within a size limit, and hashed on the way."""

from __future__ import annotations

import base64
import binascii
import errno
import hashlib
import re
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from w1bench_server.errors import ProblemError, disk_full

_BLOCK_BYTES = 1 << 20
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_SHA256_MEMBER = re.compile(r"(?:^|,)[ \t]*sha-256=([^,;]*)")


@dataclass(frozen=True)
class Upload:
    """A received body."""

    path: Path
    sha256: str
    bytes: int


@dataclass
class Room:
    """The room for uploads in a folder: what its disk has free, but for `min_free` bytes and those that uploads on their way have announced.

    It is counted on the event loop, by the one server that the folder belongs to.
    """

    folder: Path
    min_free: int
    announced: int = 0  # and not there yet

    def check(self, needed: int) -> None:
        """Raise a 507 where there is no room for so many more bytes, a 503 where the folder is gone."""
        try:
            free = shutil.disk_usage(self.folder).free
        except OSError as error:
            raise ProblemError(
                503,
                f"The service cannot keep uploads at the moment ({error.strerror}); its operator finds the reason in /readyz. Try again later.",
            ) from None
        if free - self.announced - needed < self.min_free:
            raise disk_full()


@asynccontextmanager
async def received(request: Request, room: Room, *, limit: int) -> AsyncGenerator[Upload]:
    """The body of `request` as a file in the folder of `room`, which is removed at the end unless it was moved.

    Raises:
        ProblemError: 413 for more than `limit` bytes, 507 where there is no room for it, 415 for an encoded body, 400 where it
            does not match its Content-Digest.
    """
    expected = _expected_digest(request.headers.get("content-digest"))
    if request.headers.get("content-encoding", "identity") != "identity":
        raise ProblemError(415, "The body came with a Content-Encoding; send the .h5 or .npy file itself.")
    declared = _declared_bytes(request.headers.get("content-length"))
    _check_size(declared, limit)
    room.check(declared)
    path = room.folder / uuid4().hex
    try:
        with path.open("xb") as file:
            arrival = _Arrival(file, room, limit)
            await _receive(request, arrival, declared)
        if expected not in (None, arrival.digest.digest()):
            raise ProblemError(
                400,
                "The body does not match its Content-Digest: it was damaged on the way, or changed after it was hashed. Send it "
                "again.",
                pointer="#/header/Content-Digest",
            )
        yield Upload(path, arrival.digest.hexdigest(), arrival.bytes)
    finally:
        path.unlink(missing_ok=True)


@dataclass
class _Arrival:
    """A body that is being received, and how much of it has arrived."""

    file: BinaryIO
    room: Room
    limit: int
    bytes: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def write(self, block: bytes) -> None:
        self.bytes += len(block)
        _check_size(self.bytes, self.limit)
        self.digest.update(block)
        try:
            self.file.write(block)
            self.file.flush()
        except OSError as error:
            if error.errno in _DISK_FULL:
                raise disk_full() from None
            raise


async def _receive(request: Request, arrival: _Arrival, declared: int) -> None:
    room, block, awaited = arrival.room, bytearray(), declared
    room.announced += awaited
    try:
        async for piece in request.stream():
            block += piece
            if len(block) >= _BLOCK_BYTES or not piece:  # the last piece is empty
                room.check(max(0, len(block) - awaited))
                await run_in_threadpool(arrival.write, bytes(block))
                room.announced -= min(awaited, len(block))
                awaited -= min(awaited, len(block))
                block.clear()
    finally:
        room.announced -= awaited


def _declared_bytes(content_length: str | None) -> int:
    if content_length is None:
        return 0
    if not re.fullmatch(r"[0-9]{1,18}", content_length):
        raise ProblemError(400, "Content-Length is not a number of bytes; leave it to your HTTP client.")
    return int(content_length)


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise ProblemError(
            413,
            f"A submission to this pair takes at most {limit} bytes, with every array in float64; send only its arrays.",
            pointer="#/body",
        )


def _expected_digest(content_digest: str | None) -> bytes | None:
    """The SHA-256 in a Content-Digest field (RFC 9530); other digests are ignored."""
    member = _SHA256_MEMBER.search(content_digest or "")
    if member is None:
        return None
    value = member[1].strip()
    try:
        digest = base64.b64decode(value[1:-1], validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if not (value[:1] == value[-1:] == ":" and len(digest) == hashlib.sha256().digest_size):
        raise ProblemError(
            400,
            "Content-Digest is not well formed; send sha-256=:BASE64:, the base64 of the body's 32-byte SHA-256.",
            pointer="#/header/Content-Digest",
        )
    return digest
