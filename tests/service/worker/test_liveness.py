"""A worker is alive while its process is, and known to be dead as soon as it is not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from support.processes import wait_for
from w1bench.errors import UnreachableError
from w1bench_server.database import connection as database
from w1bench_server.settings import Settings
from w1bench_server.worker.liveness import Liveness

DATABASES = ("sqlite", "postgresql")
PROGRAM = """
import sys, time
from w1bench_server.database import connection as database
from w1bench_server.worker.liveness import Liveness
from w1bench_server.settings import Settings
settings = Settings.model_validate_json(sys.argv[1])
with database.opened(settings) as engine, Liveness(engine, settings.data / "workers").register("other"):
    print("alive", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def liveness(settings: Settings) -> Iterator[Liveness]:
    with database.opened(settings) as engine:
        folder = settings.data / "workers"
        folder.mkdir()
        yield Liveness(engine, folder)


def folders(liveness: Liveness) -> list[str]:
    return sorted(path.name for path in liveness.folder.iterdir() if path.is_dir())


def test_a_kill_is_a_death_and_what_it_left_is_removed(liveness: Liveness, settings: Settings) -> None:
    command = [sys.executable, "-c", PROGRAM, settings.model_dump_json()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "alive\n"
        assert liveness.is_alive("other")
        liveness.sweep()
        assert folders(liveness) == ["other"]
        process.kill()
        process.wait(10)
    wait_for(lambda: not liveness.is_alive("other"), seconds=10)  # until PostgreSQL notices
    with liveness.register("mine") as check:
        check()
        liveness.sweep()
        assert folders(liveness) == ["mine"]
        assert liveness.is_alive("mine")
    assert not liveness.is_alive("mine")
    assert folders(liveness) == []
    liveness.sweep()
    assert [path.stem for path in liveness.folder.glob("*.lock")] in ([], ["leader"])


def test_one_leads_at_a_time_and_nobody_else_removes_anything(liveness: Liveness) -> None:
    with liveness.leading() as one, liveness.leading() as other:
        assert (one, other) == (True, False)
        (liveness.folder / "ghost").mkdir(parents=True)
        liveness.sweep()
        assert folders(liveness) == ["ghost"]
    with liveness.leading() as again:
        assert again


@pytest.mark.parametrize("database_kind", ["postgresql"])  # SQLite has no connection that could go
def test_a_worker_whose_connection_is_gone_learns_it(liveness: Liveness) -> None:
    with liveness.register("mine") as check:
        with liveness.engine.connect() as connection:
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
            connection.execute(text(others))
        with pytest.raises(UnreachableError, match="kept this worker alive"):
            check()
        assert not liveness.is_alive("mine")


def test_a_folder_of_nobody_is_removed(liveness: Liveness, tmp_path: Path) -> None:
    with liveness.register("mine"):
        (liveness.folder / "ghost").mkdir()
        (liveness.folder / "ghost" / "file").write_bytes(b"left")
        liveness.sweep()
        assert folders(liveness) == ["mine"]
