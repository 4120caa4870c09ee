"""Downloads: a pair's files straight from disk, in ranges, under the digest of their content."""

from __future__ import annotations

import base64
import mmap
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from w1bench_server.pairs.published import PublishedFile
from w1bench_server.pairs.ranges import usable_range

MEDIA_TYPES = {
    ".h5": "application/x-hdf5",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".png": "image/png",
}
_NOWAIT = hasattr(os, "RWF_NOWAIT")  # Linux
_IMMUTABLE = "public, max-age=31536000, immutable"


class PairFile(FileResponse):
    """A FileResponse in larger pieces, where a Range that does not fit is ignored or answered with a problem."""

    chunk_size = 1 << 20

    @asynccontextmanager
    async def _open_file(self) -> AsyncGenerator[Any]:  # starlette's own, whose every read is a thread's
        descriptor = await run_in_threadpool(os.open, self.path, os.O_RDONLY)
        try:
            yield _Reader(descriptor, _mapping(descriptor))
        finally:
            os.close(descriptor)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.stat_result is not None
        usable = usable_range(
            Headers(scope=scope),
            etag=self.headers["etag"],
            last_modified=self.headers["last-modified"],
            size=self.stat_result.st_size,
        )
        headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
        if usable is not None:
            headers.append((b"range", usable.encode()))
        await super().__call__({**scope, "headers": headers}, receive, send)


@dataclass
class _Reader:
    """A file from a place on: what lies in the page cache without a copy, the rest by a thread, so that no disk holds up the others.

    Published files never shrink: they are written elsewhere and renamed.
    """

    descriptor: int
    mapped: memoryview
    place: int = 0

    async def seek(self, place: int) -> None:
        self.place = place

    async def read(self, size: int) -> memoryview:
        block = self.mapped[self.place : self.place + size]
        if block and not self._is_cached(self.place + len(block) - 1):
            block = memoryview(await run_in_threadpool(os.pread, self.descriptor, len(block), self.place))
        self.place += len(block)
        return block

    def _is_cached(self, place: int) -> bool:
        """Whether the byte at `place` is; and most likely those before it, which were read ahead of it."""
        try:
            return _NOWAIT and os.preadv(self.descriptor, [bytearray(1)], place, os.RWF_NOWAIT) == 1
        except OSError:  # it is not there, or this file system cannot say
            return False


def _mapping(descriptor: int) -> memoryview:
    """The file's bytes, until the last part of it is sent."""
    if not os.fstat(descriptor).st_size:
        return memoryview(b"")
    return memoryview(mmap.mmap(descriptor, 0, prot=mmap.PROT_READ))


def download(request: Request, file: PublishedFile, *, accel_prefix: str | None = None) -> Response:
    """The file, the part of it that is asked for, or 304 where the client has it.

    With `accel_prefix` the answer is empty, and names the file to the nginx that passed the request on.
    """
    etag = f'"{file.sha256}"'
    headers = {
        "ETag": etag,
        "Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(file.sha256)).decode()}:",
        "Cache-Control": _IMMUTABLE if file.immutable else "no-cache",
    }
    if _has_it(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    media_type = MEDIA_TYPES.get(file.path.suffix)
    if accel_prefix:
        place = f"{accel_prefix}{file.path.parent.name}/{file.path.name}"
        return Response(headers=headers | {"X-Accel-Redirect": place}, media_type=media_type)
    return PairFile(file.path, headers=headers, media_type=media_type, stat_result=file.path.stat())


def _has_it(if_none_match: str | None, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return etag in tags or tags == ["*"]
