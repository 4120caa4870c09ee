"""A server that answers the clients' requests from memory, in the sizes of the service's answers: what clients and machine do without it."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx2
import uvicorn

from support.forks import Fork
from w1bench.archive.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Generator

    from starlette.types import ASGIApp, Receive, Scope, Send

_SPAN = re.compile(rb"bytes=([0-9]+)-([0-9]+)")


@dataclass(frozen=True)
class Answers:
    """What a service answers: bodies by the last part of a GET's path, and the row of a submission."""

    bodies: Mapping[str, bytes]
    row: bytes


def answers_of(client: httpx2.Client, manifest: Manifest, row: str) -> Answers:
    """The answers of a service about a pair, and about a submission to it."""
    pair = f"/v1/pairs/{manifest.name}"
    paths = {name: f"{pair}/files/{name}" for name in ("test.h5", "train.h5", "probe.h5")} | {
        "slice": f"{pair}/slice?file=test.h5&dataset=input&stop=100",
        "leaderboard": f"/v1/leaderboard?pair={manifest.name}",
    }
    bodies = {name: client.get(path).raise_for_status().content for name, path in paths.items()}
    return Answers(bodies, client.get(f"/v1/submissions/{row}").raise_for_status().content)


@contextmanager
def serving_static(answers: Answers) -> Generator[tuple[Fork, str]]:
    """A process that serves these, and its URL."""
    process = Fork(_serve, answers, piped=True)
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait(10)


def _serve(answers: Answers) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        config = uvicorn.Config(
            _app(answers), log_level="error", access_log=False, lifespan="off", timeout_keep_alive=75
        )
        uvicorn.Server(config).run(sockets=[listener])


def _app(answers: Answers) -> ASGIApp:
    row = json.loads(answers.row)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            while (await receive()).get("more_body"):
                pass
            status, body = 201, json.dumps(row | {"id": uuid4().hex}).encode()
        else:
            status, body = 200, answers.bodies[scope["path"].rpartition("/")[2]]
            if span := _SPAN.fullmatch(dict(scope["headers"]).get(b"range", b"")):
                status, body = 206, body[int(span[1]) : int(span[2]) + 1]
        await send(
            {"type": "http.response.start", "status": status, "headers": [(b"content-length", b"%d" % len(body))]}
        )
        await send({"type": "http.response.body", "body": body})

    return app
