"""A body is received under its cap or refused, and whatever happens, no temporary file stays."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request
from starlette.testclient import TestClient

from w1bench.scoring.submission import largest_bytes
from w1bench_server.errors import ProblemError
from w1bench_server.pairs.catalogue import PublishedPair
from w1bench_server.settings import Settings
from w1bench_server.submissions.uploads import Room, received
from w1bench_server.web.app import create_app

VALIDATE = "/v1/validate?pair=small-d2-n4-p8"
Problem = Callable[[Any, int], dict[str, Any]]


@pytest.fixture(autouse=True)
def _nothing_stays(shared_settings: Settings) -> Iterator[None]:
    yield
    assert files(shared_settings.data) == []


def files(data: Path) -> list[Path]:
    """What lies in the data folder besides the database and its name for itself."""
    files = [path for path in data.rglob("*") if path.is_file() and path.name != "identity"]
    return [path for path in files if not path.name.startswith("w1bench.sqlite")]


def pieces(total: int) -> Iterator[bytes]:
    """A body of which nobody knows the length before."""
    for _ in range(0, total, 1 << 16):
        yield bytes(1 << 16)


def test_a_sound_body_is_described(
    shared: TestClient, pair: PublishedPair, truth: dict[str, Any], npy: Callable[..., bytes], h5: Callable[..., bytes]
) -> None:
    for body, arrays in ((npy(truth["gradient"]), ["gradient"]), (h5(truth), list(truth))):
        answer = shared.post(VALIDATE, content=body)
        assert answer.status_code == 200
        assert answer.json() == {
            "pair": pair.name,
            "pair_digest": pair.digest,
            "sha256": hashlib.sha256(body).hexdigest(),
            "bytes": len(body),
            "arrays": {name: list(truth[name].shape) for name in arrays},
            "findings": [],
        }


def test_a_body_that_says_it_is_too_long_is_not_read(
    shared: TestClient, pair: PublishedPair, is_problem: Problem
) -> None:
    limit = largest_bytes(pair.manifest)

    is_problem(shared.post(VALIDATE, content=bytes(limit + 1)), 413)
    answer = shared.post(VALIDATE, content=b"x", headers={"Content-Length": str(10**15)})
    assert str(limit) in is_problem(answer, 413)["detail"]


def test_a_body_that_turns_out_too_long_is_cut_off(
    shared: TestClient, pair: PublishedPair, is_problem: Problem
) -> None:
    is_problem(shared.post(VALIDATE, content=pieces(largest_bytes(pair.manifest) + (1 << 20))), 413)


@pytest.mark.parametrize("length", ["-1", "1e3", "+5", "five", "9" * 30])
def test_a_strange_length_is_refused(shared: TestClient, is_problem: Problem, length: str) -> None:
    answer = shared.post(VALIDATE, content=b"x", headers={"Content-Length": length})
    is_problem(answer, 400)


def test_the_digest_of_the_body_is_held_against_it(
    shared: TestClient, truth: dict[str, Any], npy: Callable[..., bytes], is_problem: Problem
) -> None:
    body = npy(truth["gradient"])

    def digest(content: bytes) -> str:
        return base64.b64encode(hashlib.sha256(content).digest()).decode()

    for sound in (f"sha-256=:{digest(body)}:", f"sha-512=:AAAA:, sha-256=:{digest(body)}:", "sha-512=:AAAA:"):
        assert shared.post(VALIDATE, content=body, headers={"Content-Digest": sound}).status_code == 200
    for wrong in (
        f"sha-256=:{digest(b'other')}:",
        "sha-256=:AAAA:",
        f"sha-256={digest(body)}",
        "sha-256=",
        "sha-256=::",
    ):
        is_problem(shared.post(VALIDATE, content=body, headers={"Content-Digest": wrong}), 400)


def test_an_encoded_body_is_refused(shared: TestClient, is_problem: Problem) -> None:
    is_problem(shared.post(VALIDATE, content=b"x", headers={"Content-Encoding": "gzip"}), 415)


def test_a_full_disk_refuses_bodies_and_is_not_ready(settings: Settings, is_problem: Problem) -> None:
    with TestClient(create_app(settings.model_copy(update={"min_free_bytes": 10**18}))) as client:
        is_problem(client.post(VALIDATE, content=b"x"), 507)
        is_problem(client.post(VALIDATE, content=pieces(1 << 16)), 507)
        answer = client.get("/readyz")
        is_problem(answer, 503)
        assert answer.headers["retry-after"]
        assert client.get("/livez").json() == {"status": "alive"}
    assert files(settings.data) == []


def test_what_uploads_have_announced_is_not_promised_again(tmp_path: Path) -> None:
    """Many bodies that are announced, and not sent, would each find the same room."""
    mib, free = 1 << 20, shutil.disk_usage(tmp_path).free

    async def begun(room: Room, declared: int, pieces: asyncio.Queue[bytes]) -> int:
        headers = [(b"content-length", str(declared).encode())] if declared else []

        async def receive() -> dict[str, Any]:
            piece = await pieces.get()
            return {"type": "http.request", "body": piece, "more_body": bool(piece)}

        async with received(
            Request({"type": "http", "headers": headers}, receive), room, limit=declared or mib
        ) as upload:
            return upload.bytes

    def sent(*pieces: bytes) -> asyncio.Queue[bytes]:
        queue = asyncio.Queue[bytes]()
        for piece in (*pieces, b""):
            queue.put_nowait(piece)
        return queue

    async def held() -> None:
        room, large = Room(tmp_path, min_free=free // 10), free // 5 * 2
        first, second = (asyncio.create_task(begun(room, large, asyncio.Queue())) for _ in range(2))
        await asyncio.sleep(0)
        full = Room(tmp_path, min_free=0, announced=2 * free)
        for of, declared in ((room, large), (full, 0)):  # 0: nobody knows how long it is
            with pytest.raises(ProblemError) as refused:
                await begun(of, declared, sent(bytes(mib)))
            assert refused.value.status == 507
        for task in (first, second):
            task.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        assert room.announced == 0
        assert await begun(room, 2 * mib, sent(bytes(mib), bytes(mib))) == 2 * mib
        assert room.announced == 0

    asyncio.run(held())
    assert files(tmp_path) == []
