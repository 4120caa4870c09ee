"""kill -9 of the server or of a process that scores, at random moments under uploads; then what was acknowledged is there, once.

PYTHONPATH=tests python -m load.kills [--points 30] [--database postgresql]
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx2
import numpy as np
import psutil

from load.clients import DATABASES, Target, database_url, small_target
from serving import serving
from w1bench_server import database
from w1bench_server.ledger import Ledger, check_chain
from w1bench_server.settings import Settings
from w1bench_server.tokens import create_token

VICTIMS = ("server", "scorer")

_CLIENTS = 6
_LONGEST_SECONDS = 2.0  # from the first upload to the kill
_PIECE_BYTES = 20_000
_TIMEOUT = 60.0


@dataclass
class Sent:
    """Bodies by their SHA-256: under which id they were acknowledged, or, not yet, under which key they were sent."""

    acknowledged: dict[str, str] = field(default_factory=dict[str, str])
    waiting: dict[str, tuple[bytes, str]] = field(default_factory=dict[str, tuple[bytes, str]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        counts = kills(Path(folder), given.database, points=given.points, seed=given.seed)
    print(", ".join(f"{name}: {count}" for name, count in counts.items()))


def kills(folder: Path, kind: str, *, points: int, seed: int) -> Counter[str]:
    """Kill so often; returns what was killed, what was acknowledged, and what had to be sent again.

    Raises:
        AssertionError: after a restart something was lost, doubled, or half there.
        CheckFailedError: the ledger's hashes do not hold.
    """
    rng = np.random.default_rng(seed)
    target = small_target(folder / "archive")
    sent, counts = Sent(), Counter[str]()
    with database_url(folder, kind) as url:
        settings = Settings(
            archive=folder / "archive", data=folder / "data", port=0, min_free_bytes=0, database_url=url,
            requests_per_minute=10**9, daily_submissions=10**9, log_level="error",
        )  # fmt: skip
        token = create_token(settings, user="ann")
        for point in range(points + 1):  # after the last kill, one more start
            with serving(settings) as (process, client):
                address = str(client.base_url)
                _check(settings, sent)
                counts["sent again"] += len(sent.waiting)
                asyncio.run(_send_again(address, token, sent, target))
                if point < points:
                    victim = VICTIMS[point % len(VICTIMS)]
                    counts[f"{victim}s killed"] += 1
                    asyncio.run(_until_killed(address, token, sent, target, rng, process, victim))
        counts["acknowledged"] = len(sent.acknowledged)
    return counts


def _check(settings: Settings, sent: Sent) -> None:
    """What a server that has just started has, against what clients were told."""
    with database.opened(settings) as engine:
        ledger = Ledger(engine)
        check_chain(ledger.rows())
        entries = [record.entry for record in ledger.records().values()]
    rows = {entry.sha256: entry.id for entry in entries}
    assert len(rows) == len(entries), "a submission is doubled"
    assert sent.acknowledged.items() <= rows.items(), "an acknowledged submission is lost"
    assert rows.keys() <= sent.acknowledged.keys() | sent.waiting.keys(), "a row came from nowhere"
    assert list((settings.data / "incoming").iterdir()) == [], "a partial upload is left"
    bodies = {path.name: path for path in (settings.data / "submissions").glob("*/*")}
    assert bodies.keys() == rows.keys(), "bodies and rows differ"
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == name for name, path in bodies.items())


async def _send_again(address: str, token: str, sent: Sent, target: Target) -> None:
    async with _client(address, token) as client:
        for sha256, (body, key) in list(sent.waiting.items()):
            await _send(client, sha256, body, key, sent, target)


async def _until_killed(
    address: str,
    token: str,
    sent: Sent,
    target: Target,
    rng: np.random.Generator,
    process: subprocess.Popen[str],
    victim: str,
) -> None:
    """Clients send; at some moment the victim is killed. Of a scorer's death nobody may notice anything."""
    scales = rng.uniform(0.1, 10, (_CLIENTS, 100))
    alive = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        clients = [group.create_task(_one(address, token, sent, target, each, alive)) for each in scales]
        await asyncio.sleep(rng.uniform(0, _LONGEST_SECONDS))
        if victim == "server":
            process.kill()
        else:
            for scorer in _scorers(process.pid)[:1]:
                scorer.send_signal(signal.SIGKILL)
            await asyncio.sleep(0.5)
        alive.set()
        await asyncio.wait(clients)
    if victim == "scorer":
        assert sent.waiting == {}, "a submission was lost with its scorer"


async def _one(address: str, token: str, sent: Sent, target: Target, scales: np.ndarray, over: asyncio.Event) -> None:
    """A client, until it is over or the server is gone."""
    async with _client(address, token) as client:
        for scale in scales:
            if over.is_set():
                return
            body = target.body(float(scale))
            sha256, key = hashlib.sha256(body).hexdigest(), uuid4().hex
            sent.waiting[sha256] = (body, key)
            with suppress(httpx2.TransportError):
                await _send(client, sha256, body, key, sent, target)


async def _send(client: httpx2.AsyncClient, sha256: str, body: bytes, key: str, sent: Sent, target: Target) -> None:
    answer = await client.post(
        "/v1/submissions",
        params={"pair": target.manifest.name, "method": "mine"},
        content=_pieces(body),
        headers={"Idempotency-Key": key},
    )
    assert answer.status_code in (200, 201), answer.text
    sent.acknowledged[sha256] = answer.json()["id"]
    del sent.waiting[sha256]


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    """A body as it comes over a network."""
    for start in range(0, len(body), _PIECE_BYTES):
        yield body[start : start + _PIECE_BYTES]
        await asyncio.sleep(0.005)


def _client(address: str, token: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=_TIMEOUT)


def _scorers(server: int) -> list[psutil.Process]:
    found = psutil.Process(server).children(recursive=True)
    return [process for process in found if "spawn_main" in " ".join(process.cmdline())]


if __name__ == "__main__":
    main()
