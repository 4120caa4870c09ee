"""Recovery: how soon the job of a killed worker is begun again, by our queue and by DBOS (`pip install dbos`).

PYTHONPATH=tests python tests/benchmarks/recovery.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from benchmarks.report import parse, publish, table
from load.clients import DATABASES, database_url
from support.processes import wait_for

_REPEATS = 3
_BESIDE_SECONDS = 3.0  # that the second worker looks for jobs before the first is killed
_PATIENCE_SECONDS = 20.0
_EXPLANATION = f"""\
A worker begins a job that takes a minute, and is killed with SIGKILL. A second worker has been looking for jobs beside it for {_BESIDE_SECONDS:g} s,
every 0.5 s, or is started after the kill. "Begun again" is how long after the kill, the fastest and the slowest of {_REPEATS} repeats; what
took longer than {_PATIENCE_SECONDS:g} s was given up; a worker that is started then has to start first, and {{busy:.0f}} other processes were
running on this machine (its load average). "Taken from the living" counts how often the second began the job while the first was at it.

DBOS starts the jobs of an executor again when an executor of the same id starts; its documents leave those of other executors to Conductor,
a service apart. So its workers either have ids of their own, and nobody takes over from a dead one, or they share one, and a worker
that starts takes what the others are at."""
_OURS = """
import sys, time
from pathlib import Path
from threading import Event
from w1bench_server.database import connection
from w1bench_server.jobs.job import new_job
from w1bench_server.jobs.queue import Jobs
from w1bench_server.settings import Settings
from w1bench_server.worker.liveness import Liveness
from w1bench_server.worker.consumer import Queue
url, name, begun, ask = sys.argv[1:]
def do(job):
    with open(begun, "a") as file:
        file.write("1")
    time.sleep(60)
with connection.opened(Settings(database_url=url)) as engine:
    jobs, liveness = Jobs(engine), Liveness(engine, Path(begun).parent / "workers")
    if ask == "ask":
        jobs.add(new_job("build", user="ann", pair="x", content="x", document="{}"))
    with liveness.register(name):
        queue = Queue(jobs, liveness, name, most=9)
        with queue.consumed(do, {"build": 1}, Event(), grace=0):
            print("ready", flush=True)
            while True:
                queue.find_dead()
                time.sleep(0.5)
"""
_DBOS = """
import sys, time
from dbos import DBOS
from sqlalchemy import create_engine
url, name, begun, ask = sys.argv[1:]
DBOS(config={"name": "recovery", "system_database_engine": create_engine(url), "executor_id": name,
             "application_version": "1", "use_listen_notify": False, "log_level": "ERROR"})
@DBOS.workflow(name="job")
def job(_):
    with open(begun, "a") as file:
        file.write("1")
    time.sleep(60)
DBOS.listen_queues(["build"])
DBOS.launch()
DBOS.register_queue("build", worker_concurrency=1, polling_interval_sec=0.5, on_conflict="always_update")
if ask == "ask":
    DBOS.enqueue_workflow_with_options({"workflow_name": "job", "queue_name": "build", "workflow_id": "1"}, "1")
print("ready", flush=True)
time.sleep(300)
"""


@dataclass(frozen=True)
class Setup:
    """A queue's worker as a program, and the names of two of them."""

    label: str
    program: str
    first: str = "first"
    second: str = "second"


_SETUPS = (
    Setup("ours", _OURS),
    Setup("DBOS, an id for each worker", _DBOS),
    Setup("DBOS, one id for all", _DBOS, "same", "same"),
)


def main() -> None:
    run = parse("recovery", __doc__)
    rows: list[tuple[object, ...]] = []
    busy = os.getloadavg()[0]
    for kind in DATABASES:
        with tempfile.TemporaryDirectory() as folder, database_url(Path(folder), kind) as server:
            for setup in _SETUPS:
                for beside in (True, False):
                    repeats = 1 if run.quick else _REPEATS
                    places = [Path(tempfile.mkdtemp(dir=folder)) for _ in range(repeats)]
                    results = [
                        _measure(setup, _new_database(server, place), place / "begun", beside) for place in places
                    ]
                    taken = sum(twice for _, twice in results) if beside else "-"
                    second = "beside the first" if beside else "started after the kill"
                    rows.append((setup.label, kind, second, _range([seconds for seconds, _ in results]), taken))
    header = ("queue", "database", "second worker", "begun again", "taken from the living")
    publish(
        run,
        "Recovery",
        [_EXPLANATION.format(busy=busy), table(header, rows)],
        packages=("w1bench", "dbos", "sqlalchemy", "psycopg"),
    )


def _range(seconds: list[float | None]) -> str:
    measured = [each for each in seconds if each is not None]
    if len(measured) < len(seconds):
        return f"not in {len(seconds) - len(measured)} of {len(seconds)}"
    return f"{min(measured):.1f} to {max(measured):.1f} s"


def _measure(setup: Setup, url: str, begun: Path, beside: bool) -> tuple[float | None, bool]:
    """Seconds from the kill until the job was begun again, if it was; and whether it was begun twice before."""
    begun.touch()
    with ExitStack() as stack:
        first = stack.enter_context(_started(setup.program, url, setup.first, begun, "ask"))
        wait_for(lambda: begun.read_text() == "1")
        if beside:
            stack.enter_context(_started(setup.program, url, setup.second, begun))
            time.sleep(_BESIDE_SECONDS)
        before = begun.read_text()
        first.kill()
        killed = time.monotonic()
        if not beside:
            stack.enter_context(_started(setup.program, url, setup.second, begun))
        while begun.read_text() == before and time.monotonic() - killed < _PATIENCE_SECONDS:
            time.sleep(0.02)
        return time.monotonic() - killed if begun.read_text() != before else None, before != "1"


@contextmanager
def _started(program: str, url: str, name: str, begun: Path, ask: str = "") -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", program, url, name, str(begun), ask]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def _new_database(server: str | None, place: Path) -> str:
    """The URL of an empty database: on a server, or a file of the folder."""
    if server is None:
        return f"sqlite:///{place / 'queue.sqlite'}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{place.name.lower()}"'))
    engine.dispose()
    return make_url(server).set(database=place.name.lower()).render_as_string(hide_password=False)


if __name__ == "__main__":
    main()
