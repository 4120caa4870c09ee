"""Downloads: a pair's files from disk, in ranges, under the digest of their content."""

import base64
import mmap
import os
from collections.abc import AsyncGenerator, Sequence
from email.utils import formatdate
from pathlib import Path
from secrets import token_hex

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from w1bench_server.pairs.catalogue import PublishedFile
from w1bench_server.pairs.range_header import Span, requested_spans

MEDIA_TYPES = {
    ".h5": "application/x-hdf5",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".png": "image/png",
}
_PIECE_BYTES = 1 << 20
_NOWAIT = hasattr(os, "RWF_NOWAIT")  # Linux
_IMMUTABLE = "public, max-age=31536000, immutable"


def download(request: Request, file: PublishedFile, *, accel_prefix: str | None = None) -> Response:
    """The response with a file or the requested part of it; 304 where the client has it.

    With `accel_prefix` the response to a proxy is empty, and names the file to the nginx in front; who asks past it gets the file from here.
    """
    etag = f'"{file.sha256}"'
    headers = {
        "ETag": etag,
        "Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(file.sha256)).decode()}:",
        "Cache-Control": _IMMUTABLE if file.immutable else "no-cache",
    }
    if _has_it(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    media_type = MEDIA_TYPES[file.path.suffix]
    if accel_prefix and "x-forwarded-for" in request.headers:
        place = f"{accel_prefix}{file.path.parent.name}/{file.path.name}"
        return Response(headers=headers | {"X-Accel-Redirect": place}, media_type=media_type)
    stat = file.path.stat()
    size, modified = stat.st_size, formatdate(stat.st_mtime, usegmt=True)
    spans = requested_spans(request.headers, etag=etag, last_modified=modified, size=size)
    body: Sequence[bytes | Span] = [(0, size - 1)] if spans is None else spans
    if spans and len(spans) == 1:
        headers["Content-Range"] = _content_range(spans[0], size)
    elif spans:
        boundary = token_hex(16)
        body = _multipart(spans, size, boundary, media_type)
        media_type = f"multipart/byteranges; boundary={boundary}"
    length = sum(len(part) if isinstance(part, bytes) else part[1] - part[0] + 1 for part in body)
    headers |= {"Accept-Ranges": "bytes", "Last-Modified": modified, "Content-Length": str(length)}
    status = 206 if spans else 200
    if request.method == "HEAD":
        return Response(None, status, headers, media_type)
    if length <= _PIECE_BYTES:
        return Response(_read(file.path, body), status, headers, media_type)
    return StreamingResponse(read_pieces(file.path, body), status, headers, media_type)


def _read(path: Path, body: Sequence[bytes | Span]) -> bytes:
    """The spans of a file, and the bytes between them."""
    with path.open("rb") as file:
        parts = (
            part if isinstance(part, bytes) else os.pread(file.fileno(), part[1] - part[0] + 1, part[0])
            for part in body
        )
        return b"".join(parts)


async def read_pieces(
    path: Path, body: Sequence[bytes | Span], *, piece_bytes: int = _PIECE_BYTES, ask_cache: bool = _NOWAIT
) -> AsyncGenerator[bytes | memoryview]:
    """The spans of a file, and the bytes between them: what the page cache holds is mapped, the rest is read by threads.

    So no slow disk holds up other requests. Published files never shrink: they are written elsewhere and renamed.
    """
    descriptor = await run_in_threadpool(os.open, path, os.O_RDONLY)
    try:
        mapped = _mapping(descriptor)
        for part in body:
            if isinstance(part, bytes):
                yield part
                continue
            first, last = part
            for start in range(first, last + 1, piece_bytes):
                block = mapped[start : min(start + piece_bytes, last + 1)]
                if not (ask_cache and _is_cached(descriptor, start + len(block) - 1)):
                    block = await run_in_threadpool(os.pread, descriptor, len(block), start)
                yield block
    finally:
        os.close(descriptor)


def _mapping(descriptor: int) -> memoryview:
    """The file's bytes, until the last part of it is sent."""
    if not os.fstat(descriptor).st_size:
        return memoryview(b"")
    return memoryview(mmap.mmap(descriptor, 0, prot=mmap.PROT_READ))


def _is_cached(descriptor: int, place: int) -> bool:
    """Whether the byte at `place` is in the page cache; and most likely those before it, which were read ahead of it."""
    try:
        return os.preadv(descriptor, [bytearray(1)], place, os.RWF_NOWAIT) == 1
    except OSError:  # it is not, or this file system cannot say
        return False


def _multipart(spans: Sequence[Span], size: int, boundary: str, media_type: str) -> list[bytes | Span]:
    """The body of an answer with several spans, each below its headers (RFC 9110, section 14.6)."""
    body: list[bytes | Span] = []
    for span in spans:
        head = f"--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: {_content_range(span, size)}\r\n\r\n"
        body += [head.encode(), span, b"\r\n"]
    return [*body, f"--{boundary}--".encode()]


def _content_range(span: Span, size: int) -> str:
    return f"bytes {span[0]}-{span[1]}/{size}"


def _has_it(if_none_match: str | None, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return etag in tags or tags == ["*"]
