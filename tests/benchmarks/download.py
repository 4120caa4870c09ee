"""Download: the service's file endpoint against starlette's default FileResponse, for one file under one uvicorn."""

from __future__ import annotations

import hashlib
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import uvicorn
from report import parse, publish, table
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route
from starlette.types import ASGIApp
from timing import medians, once

from w1bench.builder.build import build
from w1bench.recipes.recipe import Recipe, parse_recipe
from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app

_BYTES = 300_000_000
_QUICK_BYTES = 30_000_000
_DIM = 128
_FILE = "train.h5"
_RECEIVE_BYTES = 1 << 20
_SECONDS = 60.0  # that a server may take to start, to send a piece, or to stop

_EXPLANATION = """\
Median over downloads in turn, on 127.0.0.1, of {size:.0f} MB from the page cache through a plain socket that throws them away.
Both servers are one uvicorn process with the same settings; the second answers one route with
`starlette.responses.FileResponse` as it is."""

Address = tuple[str, int]


def main() -> None:
    run = parse("download", __doc__)
    with tempfile.TemporaryDirectory() as folder:
        recipe = _recipe(_QUICK_BYTES if run.quick else _BYTES)
        file = build(recipe, Path(folder) / "archive") / _FILE
        settings = Settings(archive=Path(folder) / "archive", data=Path(folder) / "data")
        with _serving(_service, settings) as service, _serving(_default, file) as default:
            paths = {service: f"/v1/pairs/{recipe.name}/files/{_FILE}", default: f"/{_FILE}"}
            for address, path in paths.items():
                _check(address, path, file)
            fetches = {address: once(partial(_fetch, address, path)) for address, path in paths.items()}
            took = medians({str(a): fetch for a, fetch in fetches.items()}, rounds=5 if run.quick else 11)
        size = file.stat().st_size
    ours, theirs = took[str(service)], took[str(default)]
    rows = [
        ("w1bench_server", f"{size / ours / 1e6:.0f}", f"**{theirs / ours:.2f}**"),
        ("FileResponse", f"{size / theirs / 1e6:.0f}", "1.00"),
    ]
    sections = [_EXPLANATION.format(size=size / 1e6), table(("server", "MB/s", "ratio"), rows)]
    publish(run, "Download", sections, packages=("w1bench", "starlette", "uvicorn", "fastapi"))


def _recipe(size: int) -> Recipe:
    """A pair whose train.h5 has about `size` bytes, and little else."""
    fields = {
        "name": "download", "power": 8.0, "half_width": 2.5,
        "source": {"kind": "uniform", "dim": _DIM}, "funnel": {"count": 4},
        "sizes": {"train": size // (2 * 8 * _DIM), "test": 1000, "probe": 100, "w1_rays": 1000},
    }  # fmt: skip
    return parse_recipe(fields, origin="the benchmark")


def _service(settings: Settings) -> ASGIApp:
    return create_app(settings)


def _default(file: Path) -> ASGIApp:
    async def send(_request: Request) -> FileResponse:
        return FileResponse(file)

    return Starlette(routes=[Route(f"/{_FILE}", send)])


@contextmanager
def _serving(make_app: Callable[..., ASGIApp], argument: object) -> Iterator[Address]:
    """A uvicorn in a process of its own, that ends with the block."""
    spawn = get_context("spawn")
    receiver, sender = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_serve, args=(sender, make_app, argument))
    process.start()
    sender.close()
    try:
        assert receiver.poll(_SECONDS), "the server did not start"
        yield receiver.recv()
    finally:
        process.terminate()
        process.join(_SECONDS)
        process.kill()
        process.join()


def _serve(sender: Connection, make_app: Callable[..., ASGIApp], argument: object) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sender.send(listener.getsockname())
        config = uvicorn.Config(make_app(argument), log_level="warning", access_log=False, ws="none")
        uvicorn.Server(config).run(sockets=[listener])


def _check(address: Address, path: str, file: Path) -> None:
    """That the server sends the file's bytes."""
    received = hashlib.sha256()
    _fetch(address, path, received.update)
    with file.open("rb") as stream:
        assert received.digest() == hashlib.file_digest(stream, "sha256").digest(), f"{path} arrived damaged"


def _fetch(address: Address, path: str, consume: Callable[[memoryview], object] = len) -> None:
    """GET `path`, its body handed piece by piece to `consume`."""
    buffer = memoryview(bytearray(_RECEIVE_BYTES))
    with socket.create_connection(address, timeout=_SECONDS) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(_RECEIVE_BYTES)
            assert piece, "the server hung up"
            head += piece
        head, _, body = head.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head.decode("latin-1")
        consume(memoryview(body))
        missing = _content_length(head) - len(body)
        while missing:
            received = connection.recv_into(buffer)
            assert received, f"the server hung up {missing} bytes early"
            consume(buffer[:received])
            missing -= received


def _content_length(head: bytes) -> int:
    for line in head.decode("latin-1").splitlines():
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            return int(value)
    raise AssertionError("no Content-Length in " + head.decode("latin-1"))


if __name__ == "__main__":
    main()
