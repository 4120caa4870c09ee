"""kill -9 at random moments under uploads, scoring and generation; then what was acknowledged is there, once, and nothing else.

PYTHONPATH=tests python -m load.kills [--points 30] [--postgres]
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import io
import os
import signal
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx2
import numpy as np
import psutil

from benchmarks.report import machine, table, versions
from load.clients import Target, database_url, small_target
from support.forks import Fork
from support.processes import descendants
from support.recipes import small_recipe
from support.servers import ended, serving
from w1bench.archive.catalogue import catalogue
from w1bench.builder.verify import verify
from w1bench_server.database import connection as database
from w1bench_server.jobs.queue import Jobs
from w1bench_server.ledger.chain import check_chain
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.settings import Settings
from w1bench_server.submissions.bodies import Bodies
from w1bench_server.web.auth.tokens import create_token

# What each is known by in its command line; "" is the server itself.
VICTIMS = {
    "server": "",
    "scorer": "spawn_main",
    "worker": "worker.process import main",
    "builder": "build_process import main",
}

_CLIENTS = 6
_LONGEST_SECONDS = 2.0  # from the first upload, and the victim's start, to the kill
_AFTERWARDS_SECONDS = 0.5
_APPEARANCE_SECONDS = 300.0
_PIECE_BYTES = 20_000
_JOB_BYTES = 200_000  # between a body in float32 and one in float64
_TIMEOUT = 300.0
_SECONDS = 1800.0  # of a server
_OUT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks" / "kills.md"
_EXPLANATION = f"""\
At each point a server and its worker are started on what the one before left; {_CLIENTS} clients submit, one body after the other, half of them
such as are scored as jobs, and an admin asks for a pair. Then a process is killed with SIGKILL at a random moment: in turn the server, one
that scores, the worker, and the one that builds. Half a second later the server is killed, too. What clients have no answer to is sent again
after the next start. After the last one, when all jobs have ended: every acknowledged submission is in the ledger under the id that was named,
once; the chain holds; each row has its body, and no other file is left in the data folder; every job has succeeded; every pair that was
asked for holds against its certificate, is in the catalogue, and nothing unfinished is left in the archive."""


@dataclass
class Sent:
    """Bodies by their SHA-256: under which id they were acknowledged, or, not yet, under which key they were sent; and jobs' pairs."""

    acknowledged: dict[str, str] = field(default_factory=dict[str, str])
    waiting: dict[str, tuple[bytes, str]] = field(default_factory=dict[str, tuple[bytes, str]])
    pairs: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Place:
    """A service, as its clients see it."""

    address: str
    token: str
    target: Target

    def client(self) -> httpx2.AsyncClient:
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx2.AsyncClient(base_url=self.address, headers=headers, timeout=_TIMEOUT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL, too; then the page is written")
    given = parser.parse_args()
    kinds = ("sqlite", "postgresql") if given.postgres else ("sqlite",)
    rows: list[tuple[object, ...]] = []
    for kind in kinds:
        with tempfile.TemporaryDirectory() as folder:
            counts = kills(Path(folder), kind, points=given.points, seed=given.seed)
        rows.append((kind, *counts.values()))
        header = ("database", *counts)
    made = f"`PYTHONPATH=tests python -m load.kills --points {given.points} --postgres`, {datetime.now(UTC).date()}, on {machine()}; {versions(('w1bench', 'sqlalchemy', 'psycopg'))}."
    page = "\n\n".join(["# Kills", made, _EXPLANATION, table(header, rows)]) + "\n"
    print(page)
    if given.postgres:
        _OUT.write_text(page, encoding="utf-8")


def kills(folder: Path, kind: str, *, points: int, seed: int, clients: int = _CLIENTS) -> Counter[str]:
    """Kill so often under so many clients; returns what was killed, what was acknowledged, and what had to be sent or begun again.

    Raises:
        AssertionError: after a restart something was lost, doubled, or half there.
        CheckFailedError: the ledger's hashes do not hold.
    """
    rng = np.random.default_rng(seed)
    target = small_target(folder / "archive")
    sent, counts = Sent(), Counter({f"{victim}s killed": 0 for victim in VICTIMS})
    with database_url(folder, kind) as url:
        settings = Settings(
            archive=folder / "archive", data=folder / "data", port=0, min_free_bytes=0, database_url=url,
            job_bytes=_JOB_BYTES, build_nice=1, requests_per_minute=10**9, daily_submissions=10**9, log_level="error",
        )  # fmt: skip
        settings.data.mkdir(parents=True)
        token, admin = (create_token(settings, user="ann", scope=scope) for scope in ("submit", "admin"))
        for point in range(points):
            victim = list(VICTIMS)[point % len(VICTIMS)]
            with serving(settings, seconds=_SECONDS) as (process, client):
                place = Place(str(client.base_url), token, target)
                _check_kept(settings, sent)
                counts["submissions sent again"] += len(sent.waiting)
                asyncio.run(_send_again(place, sent))
                _ask_for_pair(client, admin, sent)
                asyncio.run(_until_killed(place, sent, rng, process, victim, clients))
                counts[f"{victim}s killed"] += 1
        with serving(settings, seconds=_SECONDS) as (process, client):
            asyncio.run(_send_again(Place(str(client.base_url), token, target), sent))
            _ask_for_pair(client, admin, sent)
            _await_jobs(settings, client)
            process.send_signal(signal.SIGTERM)
            assert process.wait(_TIMEOUT) == 0
        counts["acknowledged"] = len(sent.acknowledged)
        counts.update(_check_all(settings, sent))
    return counts


def _check_kept(settings: Settings, sent: Sent) -> None:
    """What a server that has just started has, against what clients were told; its worker is at it already."""
    with database.opened(settings) as engine:
        jobs = {job.id: job for job in Jobs(engine).page(limit=10**6)}
        ledger = Ledger(engine)
        check_chain(ledger.rows())
        records = ledger.records()
    assert set(sent.acknowledged.values()) <= jobs.keys() | records.keys(), "an acknowledged submission is lost"
    assert all(job in jobs for job in sent.pairs.values()), "an acknowledged job is lost"
    assert {job.state for job in jobs.values()} <= {"queued", "running", "succeeded"}, jobs
    assert list((settings.data / "incoming").iterdir()) == [], "a partial upload is left"


def _await_jobs(settings: Settings, client: httpx2.Client) -> None:
    with database.opened(settings) as engine:
        for job in Jobs(engine).page(limit=10**6):
            ended(client, job.id, seconds=_SECONDS)


def _check_all(settings: Settings, sent: Sent) -> Counter[str]:
    """What is there in the end; returns how much, and how often jobs were begun again."""
    with database.opened(settings) as engine:
        ledger, jobs = Ledger(engine), Jobs(engine).page(limit=10**6)
        check_chain(ledger.rows())
        entries = [record.entry for record in ledger.records().values()]
    rows = {entry.sha256: entry.id for entry in entries}
    assert len(rows) == len(entries), "a submission is doubled"
    assert rows == sent.acknowledged, "submissions are lost, or came from nowhere"
    assert {job.state for job in jobs} == {"succeeded"}, [job for job in jobs if job.state != "succeeded"]
    for path in (settings.data / "submissions").glob("*/*"):
        os.utime(path, (0, 0))  # old enough to be swept
    Bodies(settings.data).sweep(rows.keys())
    bodies = {path.name: path for path in (settings.data / "submissions").glob("*/*")}
    assert bodies.keys() == rows.keys(), "bodies and rows differ"
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == name for name, path in bodies.items())
    stray = list(_stray(settings))
    assert stray == [], "files are left that nothing needs"
    names = {entry.name for entry in catalogue(settings.archive)}
    assert names == {"loaded", *sent.pairs}
    assert all(figure.holds for name in names for figure in verify(settings.archive / name))
    scored = [job for job in jobs if job.queue == "score"]
    return Counter(
        {
            "of these as jobs": len(scored),
            "pairs built": len(sent.pairs),
            "jobs begun again": sum(job.attempts - 1 for job in jobs),
            "lost, doubled or half there": 0,
        }
    )


def _stray(settings: Settings) -> Iterator[Path]:
    """Files that no submission, pair or database needs."""
    for path in settings.data.rglob("*"):
        known = path.name.startswith("w1bench.sqlite") or path.name in (".serve.lock", "leader.lock", "identity")
        if path.is_file() and not known and path.parent.parent.name not in ("submissions", "trash"):
            yield path
    for path in settings.archive.iterdir():
        if path.name.startswith(".") and not path.name.endswith(".lock"):
            yield path


def _ask_for_pair(client: httpx2.Client, admin: str, sent: Sent) -> None:
    name = f"asked{len(sent.pairs)}"
    sizes = {"train": 20_000, "test": 1000, "probe": 100, "w1_rays": 1 << 17}
    recipe = small_recipe(name, source={"kind": "uniform", "dim": 64}, funnel={"count": 16}, sizes=sizes)
    headers = {"Authorization": f"Bearer {admin}"}
    answer = client.post("/v1/pairs", content=recipe.canonical(), headers=headers)
    assert answer.status_code == 202, answer.text
    sent.pairs[name] = answer.json()["id"]


async def _send_again(place: Place, sent: Sent) -> None:
    async with place.client() as client:
        for sha256, (body, key) in list(sent.waiting.items()):
            await _send(client, sha256, body, key, sent, place.target)


async def _until_killed(
    place: Place, sent: Sent, rng: np.random.Generator, server: Fork, victim: str, count: int
) -> None:
    """Clients send; at some moment the victim is killed. Of any death but the server's no client may notice anything."""
    scales = rng.uniform(0.1, 10, (count, 1000))
    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        clients = [group.create_task(_one(place, sent, each, over)) for each in scales]
        found = await _appeared(server.pid, VICTIMS[victim])
        await asyncio.sleep(rng.uniform(0, _LONGEST_SECONDS))
        with suppress(psutil.NoSuchProcess):  # it has just ended, and another takes its place
            found[int(rng.integers(len(found)))].kill()
        await asyncio.sleep(_AFTERWARDS_SECONDS)
        over.set()
        await asyncio.wait(clients)
    if victim != "server":
        assert sent.waiting == {}, f"a submission was lost with a {victim}"


async def _appeared(server: int, command: str) -> list[psutil.Process]:
    """The processes that a victim may be, as soon as there is one."""
    async with asyncio.timeout(_APPEARANCE_SECONDS):
        while True:
            if found := [psutil.Process(server)] if not command else descendants(server, command):
                return found
            await asyncio.sleep(0.1)


async def _one(place: Place, sent: Sent, scales: np.ndarray, over: asyncio.Event) -> None:
    """A client, until it is over or the server is gone."""
    async with place.client() as client:
        for number, scale in enumerate(scales):
            if over.is_set():
                return
            body = _body(place.target, float(scale), np.float64 if number % 2 else np.float32)
            sha256, key = hashlib.sha256(body).hexdigest(), uuid4().hex
            sent.waiting[sha256] = (body, key)
            try:
                await _send(client, sha256, body, key, sent, place.target)
            except httpx2.TransportError:
                return


def _body(target: Target, scale: float, dtype: type[np.floating]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, (target.gradient * scale).astype(dtype))
    return stream.getvalue()


async def _send(client: httpx2.AsyncClient, sha256: str, body: bytes, key: str, sent: Sent, target: Target) -> None:
    answer = await client.post(
        "/v1/submissions",
        params={"pair": target.manifest.name, "method": "mine"},
        content=_pieces(body),
        headers={"Idempotency-Key": key},
    )
    assert answer.status_code in (200, 201, 202), answer.text
    sent.acknowledged[sha256] = answer.json()["id"]
    del sent.waiting[sha256]


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    """A body as it comes over a network."""
    for start in range(0, len(body), _PIECE_BYTES):
        yield body[start : start + _PIECE_BYTES]
        await asyncio.sleep(0.005)


if __name__ == "__main__":
    main()
