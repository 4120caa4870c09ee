"""Startup: how long `w1bench serve` takes until it is ready, and, once told to stop, until it has ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx2
import numpy as np
import psutil
from report import parse, publish, table

from w1bench.builder.build import build
from w1bench.recipes.recipe import parse_recipe

_TIMES = 10
_IDLE_SECONDS = 3.0  # in which it also starts its worker
_SECONDS = 120.0
_PAUSE = 0.02
_EXPLANATION = """\
`w1bench serve` as a new process, on an archive of one pair and the data of the time before, with its default settings and compiled modules, as an installed package has. Ready: until `/readyz` is
200, which asks for the database, the jail and a scoring process; asked every {pause:.0f} ms. Ended: from SIGTERM until the process has exited, after it
was idle for {idle:.0f} s; its scoring processes and its worker have ended before it. {times} times; {busy:.0f} other processes were running
on the machine when it began (its load average), which the processor time, of the server and the processes below it, depends on least."""


def main() -> None:
    run = parse("startup", __doc__)
    times, busy = (2 if run.quick else _TIMES), os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        recipe = {
            "name": "started", "power": 8.0, "half_width": 2.5, "source": {"kind": "uniform", "dim": 2}, "funnel": {"count": 4},
            "sizes": {"train": 1000, "test": 1000, "probe": 100, "w1_rays": 1 << 14},
        }  # fmt: skip
        build(parse_recipe(recipe, origin="the benchmark"), Path(folder) / "archive")
        _once(Path(folder))  # which makes the database
        took = np.array([_once(Path(folder)) for _ in range(times)])
    rows = [
        (what, *(f"{seconds:.2f}" for seconds in (np.median(column), column.min(), column.max())))
        for what, column in zip(("ready", "ready, of the processor", "ended"), took.T, strict=True)
    ]
    explanation = _EXPLANATION.format(pause=1000 * _PAUSE, idle=_IDLE_SECONDS, times=times, busy=busy)
    shown = table(("until it is", "median, s", "quickest, s", "slowest, s"), rows)
    publish(run, "Startup", [explanation, shown], packages=("w1bench", "uvicorn", "sqlalchemy"))


def _once(folder: Path) -> tuple[float, float, float]:
    """Seconds until a server is ready, those of the processor until then, and seconds until it has ended."""
    words = ("serve", "--archive", folder / "archive", "--data", folder / "data", "--port", "0")
    program = Path(sys.executable).with_name("w1bench")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begun = time.perf_counter()
    with subprocess.Popen(
        [program, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[2]
            while httpx2.get(f"{url}readyz").status_code != 200:
                assert time.perf_counter() - begun < _SECONDS
                time.sleep(_PAUSE)
            ready = time.perf_counter() - begun
            server = psutil.Process(process.pid)
            taken = sum(sum(each.cpu_times()[:2]) for each in (server, *server.children(recursive=True)))
            time.sleep(_IDLE_SECONDS)
            told = time.perf_counter()
            process.send_signal(signal.SIGTERM)
            process.wait(_SECONDS)
            return ready, taken, time.perf_counter() - told
        finally:
            process.kill()


if __name__ == "__main__":
    main()
