"""Every released schema is brought to the present one with its rows; a newer one is refused, and nothing is half done."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, column, create_engine, insert, inspect, table, text
from sqlalchemy.exc import DatabaseError

from w1bench.errors import InputError
from w1bench.scoring.scorecard import Scorecard
from w1bench_server.database import connection as database
from w1bench_server.database.migrations import revisions
from w1bench_server.database.tables import schema
from w1bench_server.ledger.chain import check_chain
from w1bench_server.ledger.ledger import Ledger, known_record
from w1bench_server.ledger.records import Content, Entry, Retraction
from w1bench_server.settings import Settings
from w1bench_server.web.auth.tokens import list_tokens

DATABASES = ("sqlite", "postgresql")
PAIR = "small-d2-n4-p8"
SCHEMAS = Path(__file__).parents[1] / "schemas"
RELEASES = sorted({path.stem.rpartition("-")[0] for path in SCHEMAS.glob("*.sql")})


def load(settings: Settings, release: str) -> None:
    """Make the database as a release left it."""
    settings.data.mkdir(parents=True, exist_ok=True)
    engine = create_engine(settings.database)
    script = (SCHEMAS / f"{release}-{engine.dialect.name}.sql").read_text()
    raw = engine.raw_connection()
    if engine.dialect.name == "sqlite":
        raw.driver_connection.executescript(script)
    else:
        raw.driver_connection.execute(script)
    raw.commit()
    raw.close()
    engine.dispose()


def differences(engine: Engine) -> list[object]:
    """What the tables have otherwise than `database.schema`."""
    with engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection), schema)


def test_a_new_database_has_the_schema_of_the_code(settings: Settings) -> None:
    for _ in range(2):
        with database.opened(settings) as engine:
            assert differences(engine) == []
            with engine.connect() as connection:
                assert revisions.revision(connection) == revisions.HEAD


@pytest.mark.parametrize("release", RELEASES)
def test_a_released_database_is_upgraded_with_its_rows(settings: Settings, release: str) -> None:
    load(settings, release)
    with database.opened(settings) as engine:
        assert differences(engine) == []
        ledger = Ledger(engine)
        rows = ledger.rows()
        check_chain(rows)
        assert [row.seq for row in rows] == [1, 2, 3]
        assert rows[-1].hash == "2ef20eb84f22f9872d7957cdc7267a23029961f3c26bc6694850af90efa5d5a0"
        with database.writing(engine) as connection:
            known = known_record(connection, Content("ann", "d" * 64, "mine", f"{1:064x}"), "first")
        assert known is not None
        assert known.seq == 1
        assert [record.entry.reference for record in ledger.records().values()] == [False, False, True]
    assert [(token["user"], token["scope"], token["revoked_at"] is None) for token in list_tokens(settings)] == [
        ("ann", "submit", True),
        ("bob", "admin", False),
    ]


def test_the_ledger_s_columns_are_filled_from_its_documents(
    settings: Settings, make_entry: Callable[..., Entry], make_card: Callable[..., Scorecard],
    database_kind: str, new_database: Callable[[str], str | None],
) -> None:  # fmt: skip
    """Also of sealed pairs, and not of what is no submission; afterwards nothing can be changed, as before."""
    sealed = make_card().model_copy(update={"sealed": True}).model_dump_json()
    with database.opened(settings) as engine:
        ledger = Ledger(engine)
        ledger.append(make_entry("open"))
        ledger.append(replace(make_entry("sealed", pair="another"), scorecard=sealed))
        ledger.retract(Retraction("open", "2030-01-02T00:00:00.000+00:00", "ann", "a mistake"))
        rows = ledger.rows()
    assert [(row.pair, row.sealed) for row in rows] == [(PAIR, False), ("another", True), (None, None)]
    older = settings.model_copy(update={"data": settings.data / "older", "database_url": new_database(database_kind)})
    with database.connected(older) as engine:
        with database.writing(engine) as connection:
            revisions.upgrade(connection, "0003")
            names = ("seq", "kind", "submission", "user", "at", "content", "document", "hash")
            before = table("ledger", *map(column, names))
            connection.execute(insert(before), [{name: getattr(row, name) for name in names} for row in rows])
        with database.opened(older):
            assert Ledger(engine).rows() == rows
        check_chain(rows)
        with pytest.raises(DatabaseError, match="append-only"), database.writing(engine) as connection:
            connection.execute(text("UPDATE ledger SET pair = 'better'"))


def test_a_newer_database_is_refused(settings: Settings) -> None:
    with database.opened(settings) as engine, database.writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(InputError, match=r"revision 9999.*upgrade w1bench"), database.opened(settings):
        pass


def test_a_migration_that_fails_leaves_the_database_as_it_was(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alembic import op

    def fail(*_: object, **__: object) -> None:
        raise InputError("The disk broke.")

    load(settings, RELEASES[0])
    with monkeypatch.context() as patch:
        patch.setattr(op, "drop_table", fail)
        with pytest.raises(InputError, match="disk broke"), database.opened(settings):
            pass
    engine = create_engine(settings.database)
    assert set(inspect(engine).get_table_names()) == {"submissions", "idempotency_keys", "tokens"}
    engine.dispose()


@pytest.mark.parametrize("release", [None, *RELEASES])
def test_servers_that_start_at_once_migrate_once(settings: Settings, release: str | None) -> None:
    if release:
        load(settings, release)
    together = threading.Barrier(4)

    def start(_: int) -> int:
        together.wait(20)
        with database.opened(settings) as engine:
            return len(Ledger(engine).rows())

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(start, range(4))) == [3 if release else 0] * 4


def test_the_newest_revision_is_the_last_script() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(revisions.__file__).parent))
    scripts = ScriptDirectory.from_config(config)
    assert (scripts.get_base(), scripts.get_current_head()) == (revisions.FIRST, revisions.HEAD)
