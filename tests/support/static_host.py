"""A static file host on this machine, which can be told to fail as hosts on the network do."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any


@dataclass
class StaticHost:
    """A host of the files in `root`, with ranges; what it was asked for is in `requests` and `answers`, by path."""

    root: Path
    url: str = ""
    cut_after: int | None = None  # bytes of an .h5 file, after which it breaks off
    flip: bool = False  # the last byte of .h5 files
    status: int | None = None  # of every answer
    requests: list[tuple[str, str | None]] = field(default_factory=list[tuple[str, str | None]])
    answers: dict[str, int] = field(default_factory=dict[str, int])


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *args: Any, host: StaticHost) -> None:
        self.host = host
        super().__init__(*args, directory=str(host.root))

    def do_GET(self) -> None:
        span = self.headers.get("Range")
        self.host.requests.append((self.path, span))
        path = self.host.root / self.path.lstrip("/")
        if self.host.status:
            self.send_error(self.host.status)
        elif path.suffix == ".h5" and path.is_file():
            self._send(path.read_bytes(), span)
        else:
            super().do_GET()

    def _send(self, content: bytes, span: str | None) -> None:
        first, _, last = (span or "bytes=0-").removeprefix("bytes=").partition("-")
        body = bytearray(content[int(first) : int(last) + 1 if last else None])
        self.send_response(206 if span else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.host.flip:
            body[-1] ^= 1
        if self.host.cut_after is not None and len(body) > self.host.cut_after:
            body = body[: self.host.cut_after]
            self.close_connection = True
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        self.host.answers[self.path] = code.value if isinstance(code, HTTPStatus) else int(code)

    def log_message(self, *args: Any) -> None:
        """Keep the tests' output clean."""


@contextmanager
def static_host(root: Path) -> Iterator[StaticHost]:
    """A host of a folder, for the block."""
    host = StaticHost(root)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, host=host)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        host.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield host
        finally:
            server.shutdown()
            thread.join(10)
