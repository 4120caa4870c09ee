"""A stranger holds whatever can be held of a service, one thing at a time and all together, while an honest client submits.

PYTHONPATH=tests python -m attack.hold [--seconds 60]
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import io
import multiprocessing
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import httpx2
import numpy as np

from attack.stranger import ATTACKS, Target, attack
from benchmarks.report import machine, table, versions
from support.servers import serving
from w1bench.archive.folder import open_test, read_manifest
from w1bench.builder.build import build
from w1bench.recipes.recipe import parse_recipe
from w1bench.scoring.score import score_resampled
from w1bench_server.database import connection as database
from w1bench_server.jobs.job import new_job
from w1bench_server.jobs.queue import Jobs
from w1bench_server.ledger.chain import check_chain
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.ledger.records import Entry
from w1bench_server.settings import Settings
from w1bench_server.web.auth.tokens import create_token

LIVEZ_SECONDS = 1.0  # in which it must answer
ROWS = 200  # of the ledger beforehand
_PAUSE = 0.25  # between two looks at /livez, and two submissions
_TIMEOUT = 60.0
_UNLIMITED = 10**6
_OUT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks" / "attack.md"
_EXPLANATION = """\
One stranger without a token, at an address of its own, holds one kind of resource after the other for {seconds:.0f} s each, and then all at once, each request
on a new connection as soon as the one before has ended. The service has its default settings, but for the number of requests a minute, which is lifted so
that it is not what protects. Meanwhile an honest client with a token submits one file after the other, and asks for `/livez` every {pause} s, on
new connections, from another address. The ledger has {rows} rows when it begins. Server, stranger and honest client share the machine, on which {busy:.0f} other
processes were running when it began (its load average); the first row, under no attack, tells what that alone does."""
_END = "Every submission was acknowledged with its row, the ledger has exactly these {count} rows more, and its hashes hold."


@dataclass
class Honest:
    """What an honest client was told: seconds of its submissions and of /livez, the ids of its rows, and what went wrong."""

    submissions: list[float] = field(default_factory=list[float])
    livez: list[float] = field(default_factory=list[float])
    rows: list[str] = field(default_factory=list[str])
    errors: list[str] = field(default_factory=list[str])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each attack")
    seconds = parser.parse_args().seconds
    busy = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        held = hold(Path(folder), seconds, [(kind,) for kind in ATTACKS] + [tuple(ATTACKS)])
    rows = [
        (
            kinds[0] if len(kinds) == 1 else "all together",
            sum(ATTACKS[kind][0] for kind in kinds),
            ", ".join(f"{count} × {ended}" for ended, count in sorted(told.items())),
            len(honest.rows),
            *(
                f"{value:.2f}"
                for times in (honest.submissions, honest.livez)
                for value in (np.median(times), max(times))
            ),
        )
        for kinds, told, honest in held
    ]
    header = (
        "held", "at once", "what the stranger got", "honest submissions, each its row", "median, s", "slowest, s",
        "/livez median, s", "slowest, s",
    )  # fmt: skip
    made = f"`PYTHONPATH=tests python -m attack.hold --seconds {seconds:.0f}`, {datetime.now(UTC).date()}, on {machine()}; {versions(('w1bench', 'uvicorn', 'httptools', 'starlette'))}."
    explanation = _EXPLANATION.format(seconds=seconds, pause=_PAUSE, rows=ROWS, busy=busy)
    end = _END.format(count=sum(len(honest.rows) for _, _, honest in held))
    late = sum(seconds > LIVEZ_SECONDS for _, _, honest in held for seconds in honest.livez)
    looks = sum(len(honest.livez) for _, _, honest in held)
    end += f" Of {looks} looks at `/livez`, {late} took longer than {LIVEZ_SECONDS:g} s."
    page = "\n\n".join(["# Attack", made, explanation, table(header, rows), end]) + "\n"
    print(page)
    _OUT.write_text(page, encoding="utf-8")


def hold(
    folder: Path, seconds: float, attacks: Sequence[tuple[str, ...]]
) -> list[tuple[tuple[str, ...], Counter[str], Honest]]:
    """What a stranger and an honest client were told under each of the attacks, of `seconds` each.

    Raises:
        AssertionError: the honest client was refused, or its submissions are not the ledger's rows.
        CheckFailedError: the ledger's hashes do not hold.
    """
    pair_folder = _small_pair(folder / "archive")
    settings = Settings(
        archive=folder / "archive", data=folder / "data", port=0, min_free_bytes=0, own_worker="none", log_level="error",
        requests_per_minute=_UNLIMITED, daily_submissions=_UNLIMITED,
    )  # fmt: skip
    gradient = np.random.default_rng(0).standard_normal((2000, 16), dtype=np.float32)
    job = _fill(settings, pair_folder, gradient)
    token = create_token(settings, user="honest")
    held: list[tuple[tuple[str, ...], Counter[str], Honest]] = []
    spawned = multiprocessing.get_context("spawn")
    lasts = 60 + len(attacks) * (seconds + 30)
    with serving(settings, seconds=lasts) as (_, client), ProcessPoolExecutor(1, mp_context=spawned) as strangers:
        target = Target(client.base_url.port or 80, pair_folder.name, _h5(gradient), job, ROWS)
        for number, kinds in enumerate(attacks):
            honest = Honest()
            stranger = strangers.submit(attack, target, kinds, seconds)
            with _looking(target.port, honest):
                _submit(client, token, pair_folder.name, gradient, number, honest, seconds)
            held.append((kinds, stranger.result(seconds + _TIMEOUT), honest))
            assert honest.errors == [], (kinds, honest.errors[:5])
    with database.opened(settings) as engine:
        check_chain(Ledger(engine).rows())
        recorded = {identity for identity, record in Ledger(engine).records().items() if record.entry.user == "honest"}
    assert recorded == {identity for _, _, honest in held for identity in honest.rows}
    return held


def _small_pair(archive: Path) -> Path:
    recipe = {
        "name": "attacked", "power": 8.0, "half_width": 2.5, "source": {"kind": "uniform", "dim": 16}, "funnel": {"count": 4},
        "sizes": {"train": 100_000, "test": 2000, "probe": 100, "w1_rays": 1 << 14},
    }  # fmt: skip
    return build(parse_recipe(recipe, origin="the attack"), archive)


def _fill(settings: Settings, pair_folder: Path, gradient: Any) -> str:
    """Give the ledger its rows; returns the id of a job that nobody does."""
    manifest = read_manifest(pair_folder)
    with open_test(pair_folder, manifest) as test:
        scored = score_resampled(manifest, test, {"gradient": gradient})
    settings.data.mkdir()
    with database.opened(settings) as engine:
        for number in range(ROWS):
            entry = Entry(
                id=f"row{number}", pair=manifest.name, pair_digest=manifest.digest(), method=f"m{number % 20}", user=f"user{number % 10}",
                sha256=hashlib.sha256(b"%d" % number).hexdigest(), bytes=1, submitted_at="2030-01-01T00:00:00.000+00:00",
                scorer="0", scorecard=scored.card.model_dump_json(),
            )  # fmt: skip
            Ledger(engine).append(entry, resampled=scored.resampled)
        return Jobs(engine).add(new_job("build", user="ann", pair="x", content="c", document="{}"))[0].id


def _h5(gradient: Any) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file["gradient"] = gradient
    return stream.getvalue()


def _submit(
    client: httpx2.Client, token: str, pair: str, gradient: Any, number: int, honest: Honest, seconds: float
) -> None:
    """One submission after the other; each must be acknowledged with its row."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        stream = io.BytesIO()
        np.save(stream, gradient * np.float32(1 + number + len(honest.rows) / 1000))
        begun = time.perf_counter()
        try:
            answer = client.post(
                "/v1/submissions", params={"pair": pair, "method": "honest"}, content=stream.getvalue(),
                headers={"Authorization": f"Bearer {token}"},
            )  # fmt: skip
        except httpx2.HTTPError as error:
            honest.errors.append(repr(error))
            continue
        honest.submissions.append(time.perf_counter() - begun)
        if answer.status_code != 201:
            honest.errors.append(f"{answer.status_code}: {answer.text}")
            continue
        honest.rows.append(answer.json()["id"])
        time.sleep(_PAUSE)


@contextmanager
def _looking(port: int, honest: Honest) -> Iterator[None]:
    """Look at /livez again and again during the block."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(_PAUSE):
            begun = time.perf_counter()
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
            try:
                connection.request("GET", "/livez")
                if connection.getresponse().status != 200:
                    honest.errors.append("/livez did not answer 200")
            except OSError as error:
                honest.errors.append(f"/livez: {error!r}")
            finally:
                connection.close()
            honest.livez.append(time.perf_counter() - begun)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield
    finally:
        over.set()
        looking.join()


if __name__ == "__main__":
    main()
