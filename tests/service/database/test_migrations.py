"""A database has the tables of the code, is upgraded with its rows, and is refused when it is newer; nothing is half done."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DatabaseError

from w1bench.errors import InputError
from w1bench_server.database import connection as database
from w1bench_server.database.migrations import revisions
from w1bench_server.database.tables import schema
from w1bench_server.ledger.chain import check_chain
from w1bench_server.ledger.ledger import Ledger, read_rows
from w1bench_server.ledger.records import Entry
from w1bench_server.settings import Settings

DATABASES = ("sqlite", "postgresql")
NEXT = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    op.create_table("notes", sa.Column("note", sa.Text))
    op.add_column("tokens", sa.Column("purpose", sa.Text, nullable=False, server_default="submissions"))
"""


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """The migrations of a release to come, which has one more."""
    folder = shutil.copytree(revisions.SCRIPTS, tmp_path / "scripts 50%")
    (folder / "versions" / "v0002_notes.py").write_text(NEXT)
    return folder


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


def test_a_new_database_has_the_schema_of_the_code(settings: Settings) -> None:
    for _ in range(2):
        with database.opened(settings) as engine, engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), schema) == []
            assert revisions.revision(connection) == revisions.HEAD


def test_its_ledger_is_append_only(settings: Settings, make_entry: Callable[..., Entry]) -> None:
    with database.opened(settings) as engine:
        Ledger(engine).append(make_entry("a"))
        for change in ("UPDATE ledger SET pair = 'better'", "DELETE FROM ledger"):
            with pytest.raises(DatabaseError, match="append-only"), database.writing(engine) as connection:
                connection.execute(text(change))


def test_a_database_is_upgraded_with_its_rows_and_then_refused_by_older_releases(
    settings: Settings, scripts: Path, make_entry: Callable[..., Entry], bearer: Callable[..., dict[str, str]]
) -> None:
    with database.opened(settings) as engine:
        Ledger(engine).append(make_entry("a"))
        bearer(settings)
        before = Ledger(engine).rows()
        with database.writing(engine) as connection:
            revisions.upgrade(connection, "0002", scripts=scripts)
        with engine.connect() as connection:
            assert revisions.revision(connection) == "0002"
            assert tables(connection) == {*schema.tables, "notes", "alembic_version"}
            assert read_rows(connection) == before
            assert connection.execute(text("SELECT purpose FROM tokens")).scalars().all() == ["submissions"]
    check_chain(before)
    with pytest.raises(InputError, match=r"revision 0002.*upgrade w1bench"), database.opened(settings):
        pass


def test_a_migration_that_fails_leaves_the_database_as_it_was(settings: Settings, scripts: Path) -> None:
    script = scripts / "versions" / "v0002_notes.py"
    script.write_text(script.read_text() + "    raise RuntimeError('The disk broke.')\n")
    with database.opened(settings) as engine:
        with pytest.raises(RuntimeError, match="disk broke"), database.writing(engine) as connection:
            revisions.upgrade(connection, "0002", scripts=scripts)
        with engine.connect() as connection:
            assert tables(connection) == {*schema.tables, "alembic_version"}
            assert revisions.revision(connection) == revisions.HEAD


def test_servers_that_start_at_once_migrate_once(settings: Settings) -> None:
    together = threading.Barrier(4)

    def start(_: int) -> int:
        together.wait(20)
        with database.opened(settings) as engine:
            return len(Ledger(engine).rows())

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(start, range(4))) == [0] * 4


def test_the_newest_revision_is_the_last_script_and_follows_only_tables_that_are_written_out() -> None:
    config = Config()
    config.set_main_option("script_location", str(revisions.SCRIPTS))
    scripts = list(ScriptDirectory.from_config(config).walk_revisions())
    assert scripts[0].revision == revisions.HEAD
    assert [script.revision for script in scripts[1:] if "database.tables" in Path(script.path).read_text()] == []
