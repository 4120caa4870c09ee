"""The database: what cannot be opened is said in a sentence, and writers come one after the other."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, insert, make_url, select, text

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


def test_a_database_in_another_encoding_is_said_with_the_command_that_mends_it(tmp_path: Path, postgres: str) -> None:
    administrator = create_engine(postgres, isolation_level="AUTOCOMMIT")
    with administrator.connect() as connection:
        connection.execute(text("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'"))
    url = make_url(postgres).set(database="ascii").render_as_string(False)
    expected = r"has the encoding SQL_ASCII, and UTF8 is needed; .*createdb --encoding UTF8 --template template0"
    try:
        for open_ in (database.opened, database.existing):
            with pytest.raises(InputError, match=expected), open_(Settings(data=tmp_path, database_url=url)):
                pass
    finally:
        with administrator.connect() as connection:
            connection.execute(text("DROP DATABASE ascii WITH (FORCE)"))
        administrator.dispose()


@pytest.mark.parametrize("umask", [0o002, 0o022, 0o077])
def test_its_files_are_closed_to_others(tmp_path: Path, umask: int) -> None:
    settings, before = Settings(data=tmp_path), os.umask(umask)
    try:
        with database.opened(settings):
            made = [path.stat().st_mode & 0o777 for path in tmp_path.glob("w1bench.sqlite*")]
            assert made == [0o640 & ~umask] * 3
        (tmp_path / "w1bench.sqlite").chmod(0o644)  # as an older release left it
        with database.opened(settings):
            assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("w1bench.sqlite*")} == {0o640}
    finally:
        os.umask(before)


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
