"""Submissions: how many a second the service scores and records for eight clients, beside one that draws resamples anew.

PYTHONPATH=tests python -m load.submissions [--quick]
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import numpy as np

from benchmarks.report import machine, table, versions
from load.clients import processor_seconds
from support.servers import SECONDS
from w1bench.builder.build import build
from w1bench.recipes.recipe import parse_recipe
from w1bench_server.settings import Settings
from w1bench_server.web.auth.tokens import create_token

CLIENTS = 8
POINTS, DIM = 10_000, 16

_SERVERS = {
    "w1bench serve": (str(Path(sys.executable).with_name("w1bench")), "serve"),
    "resamples drawn anew": (sys.executable, "-m", "load.drawn_anew"),
}
_OUT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks" / "submissions.md"
_EXPLANATION = """\
{clients} clients, each with its own token, on the machine of the service; each sends one submission after the other, a new gradient
[{points}, {dim}] in float64 as .npy, and waits for its row in the ledger (SQLite). The second server is the same one, but
keeps no resamples and draws those of each submission anew, as scoring once did (`tests/load/drawn_anew.py`). Both run throughout and are
asked in turn, {rounds} times for {seconds:.0f} s each. Processor time is that of the server and its scoring processes; unlike the time by the clock, it depends
little on what else runs on the machine, which was {busy:.0f} other processes when it began (its load average)."""
_PACKAGES = ("w1bench", "numpy", "uvicorn", "sqlalchemy")


@dataclass
class Asked:
    """A server, the tokens of its clients, and of submissions to it the seconds of each, and the processor seconds of the server."""

    process: int
    url: str
    tokens: list[str]
    processor_seconds: float = 0.0
    seconds: list[float] = field(default_factory=list[float])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two short rounds and no file")
    quick = parser.parse_args().quick
    rounds, seconds, busy = (1, 4.0, os.getloadavg()[0]) if quick else (4, 10.0, os.getloadavg()[0])
    with tempfile.TemporaryDirectory() as folder:
        asked = submissions(Path(folder), rounds=rounds, seconds=seconds)
    rates = {name: len(each.seconds) / (rounds * seconds) for name, each in asked.items()}
    costs = {name: 1000 * each.processor_seconds / len(each.seconds) for name, each in asked.items()}
    rows = [
        (
            name, len(each.seconds), f"{rates[name]:.1f}", f"**{rates[name] / min(rates.values()):.1f}**",
            *(f"{1000 * float(np.quantile(each.seconds, q)):.0f}" for q in (0.5, 0.99)),
            f"{costs[name]:.0f}", f"**{max(costs.values()) / costs[name]:.1f}**",
        )
        for name, each in asked.items()
    ]  # fmt: skip
    header = (
        "server",
        "submissions",
        "a second",
        "ratio",
        "median, ms",
        "p99, ms",
        "processor, ms a submission",
        "ratio",
    )
    made = f"`PYTHONPATH=tests python -m load.submissions`, {datetime.now(UTC).date()}, on {machine()}; {versions(_PACKAGES)}."
    explanation = _EXPLANATION.format(
        clients=CLIENTS, points=POINTS, dim=DIM, rounds=rounds, seconds=seconds, busy=busy
    )
    page = "\n\n".join(["# Submissions", made, explanation, table(header, rows)]) + "\n"
    print(page)
    if not quick:
        _OUT.write_text(page, encoding="utf-8")


def submissions(folder: Path, *, rounds: int, seconds: float) -> dict[str, Asked]:
    """What both servers were asked, in turn."""
    recipe = {
        "name": "submitted", "power": 8.0, "half_width": 2.5, "source": {"kind": "uniform", "dim": DIM}, "funnel": {"count": 4},
        "sizes": {"train": 1000, "test": POINTS, "probe": 100, "w1_rays": 1 << 14},
    }  # fmt: skip
    pair = build(parse_recipe(recipe, origin="the load"), folder / "archive").name
    gradient = np.random.default_rng(0).standard_normal((POINTS, DIM))
    with ExitStack() as stack:
        asked = {
            name: stack.enter_context(_serving(command, folder / "archive", folder / f"data{number}"))
            for number, (name, command) in enumerate(_SERVERS.items())
        }
        for each in asked.values():
            _submit(each, pair, gradient, 2.0)  # so that all is warm
            each.seconds.clear()
            each.processor_seconds = 0.0
        for _ in range(rounds):
            for each in asked.values():
                _submit(each, pair, gradient, seconds)
    return asked


@contextmanager
def _serving(command: tuple[str, ...], archive: Path, data: Path) -> Iterator[Asked]:
    environment = {
        "W1BENCH_ARCHIVE": archive, "W1BENCH_DATA": data, "W1BENCH_PORT": 0, "W1BENCH_MIN_FREE_BYTES": 0,
        "W1BENCH_REQUESTS_PER_MINUTE": 10**9, "W1BENCH_DAILY_SUBMISSIONS": 10**9, "W1BENCH_OWN_WORKER": "none", "W1BENCH_LOG_LEVEL": "error",
    }  # fmt: skip
    variables = os.environ | {name: str(value) for name, value in environment.items()}
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("w1bench serving "), line
            tokens = [create_token(Settings(archive=archive, data=data), user=f"u{n}") for n in range(CLIENTS)]
            yield Asked(process.pid, line.split()[2], tokens)
        finally:
            process.terminate()
            process.wait(SECONDS)


def _submit(asked: Asked, pair: str, gradient: Any, seconds: float) -> None:
    """What each client sends until the seconds are over, one submission at least."""
    end = time.monotonic() + seconds

    def one(number: int) -> None:
        rng = np.random.default_rng()
        headers = {"Authorization": f"Bearer {asked.tokens[number]}"}
        with httpx2.Client(base_url=asked.url, headers=headers, timeout=SECONDS) as client:
            while True:
                stream = io.BytesIO()
                np.save(stream, gradient * rng.uniform(0.1, 10))
                begun = time.perf_counter()
                answer = client.post(
                    "/v1/submissions", params={"pair": pair, "method": f"of u{number}"}, content=stream.getvalue()
                )
                assert answer.status_code == 201, answer.text
                asked.seconds.append(time.perf_counter() - begun)
                if time.monotonic() >= end:
                    return

    before = processor_seconds(asked.process)
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(one, range(CLIENTS)))
    asked.processor_seconds += processor_seconds(asked.process) - before


if __name__ == "__main__":
    main()
