"""A worker is alive while its process is, and known to be dead as soon as it is not."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from w1bench.errors import UnreachableError
from w1bench_server.database import connection as database
from w1bench_server.settings import Settings
from w1bench_server.worker.liveness import Living

DATABASES = ("sqlite", "postgresql")
PROGRAM = """
import sys, time
from w1bench_server.database import connection as database
from w1bench_server.worker.liveness import Living
from w1bench_server.settings import Settings
settings = Settings.model_validate_json(sys.argv[1])
with database.opened(settings) as engine, Living(engine, settings.data / "workers").born("other"):
    print("alive", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def living(settings: Settings) -> Iterator[Living]:
    with database.opened(settings) as engine:
        yield Living(engine, settings.data / "workers")


def folders(living: Living) -> list[str]:
    return sorted(path.name for path in living.folder.iterdir() if path.is_dir())


def test_a_kill_is_a_death_and_what_it_left_is_buried(living: Living, settings: Settings) -> None:
    command = [sys.executable, "-c", PROGRAM, settings.model_dump_json()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "alive\n"
        assert living.is_alive("other")
        with living.tending() as chosen:
            assert chosen
            living.bury()
        assert folders(living) == ["other"]
        process.kill()
        process.wait(10)
    deadline = time.monotonic() + 10
    while living.is_alive("other") and time.monotonic() < deadline:
        time.sleep(0.01)  # until PostgreSQL notices
    assert not living.is_alive("other")
    with living.born("mine") as check, living.tending():
        check()
        living.bury()
        assert folders(living) == ["mine"]
        assert living.is_alive("mine")
    assert not living.is_alive("mine")
    assert folders(living) == []
    with living.tending():
        living.bury()
    assert [path.stem for path in living.folder.glob("*.lock")] in ([], ["tending"])


def test_one_tends_at_a_time(living: Living) -> None:
    with living.tending() as one, living.tending() as other:
        assert (one, other) == (True, False)
    with living.tending() as again:
        assert again


@pytest.mark.parametrize("database_kind", ["postgresql"])  # SQLite has no connection that could go
def test_a_worker_whose_connection_is_gone_learns_it(living: Living) -> None:
    with living.born("mine") as check:
        with living.engine.connect() as connection:
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
            connection.execute(text(others))
        with pytest.raises(UnreachableError, match="kept this worker alive"):
            check()
        assert not living.is_alive("mine")


def test_a_folder_of_nobody_is_buried(living: Living, tmp_path: Path) -> None:
    with living.born("mine"), living.tending():
        (living.folder / "ghost").mkdir()
        (living.folder / "ghost" / "file").write_bytes(b"left")
        living.bury()
        assert folders(living) == ["mine"]
