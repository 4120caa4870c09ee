"""The database: what cannot be opened is said in a sentence, and writers come one after the other."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from w1bench.errors import InputError, MissingExtraError
from w1bench_server.database import connection as database
from w1bench_server.database.tables import resamples
from w1bench_server.settings import Settings

DATABASES = ("sqlite", "postgresql")


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://nobody@127.0.0.1:1/none?connect_timeout=2", "nonsense://x", "sqlite:////proc/none/x"]
)
def test_what_is_no_database_is_said(tmp_path: Path, url: str) -> None:
    wrong = Settings(data=tmp_path, database_url=url)
    with pytest.raises((InputError, OSError), match=r"W1BENCH_DATABASE_URL|/proc/none"), database.opened(wrong):
        pass


def test_a_driver_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    elsewhere = Settings(data=tmp_path, database_url="postgresql+psycopg://host/base")
    with pytest.raises(MissingExtraError, match="extra `postgres`"), database.opened(elsewhere):
        pass


def test_nobody_writes_between_a_writer_s_reads_and_writes(settings: Settings) -> None:
    together = threading.Barrier(8)
    with database.opened(settings) as engine:

        def count_and_add(_: int) -> None:
            together.wait(20)
            for _ in range(5):
                with database.writing(engine) as connection:
                    count = connection.execute(select(func.count()).select_from(resamples)).scalar_one()
                    connection.execute(insert(resamples).values(sha256=str(count), values=b""))

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(count_and_add, range(8)))
        with engine.connect() as connection:
            names = set(connection.execute(select(resamples.c.sha256)).scalars())
    assert names == {str(i) for i in range(40)}


def test_a_frozen_view_does_not_see_what_is_written_meanwhile(settings: Settings) -> None:
    count = select(func.count()).select_from(resamples)
    with database.opened(settings) as engine, database.frozen(engine) as view:
        assert view.execute(count).scalar_one() == 0
        with database.writing(engine) as connection:
            connection.execute(insert(resamples).values(sha256="a", values=b""))
        assert view.execute(count).scalar_one() == 0
