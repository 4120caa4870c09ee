"""A database and its bodies know each other: a stranger erases nothing, and what is swept can be brought back."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete
from starlette.testclient import TestClient

from w1bench.errors import InputError
from w1bench_server.backup import backup, restore
from w1bench_server.database import connection as database
from w1bench_server.database.tables import identity
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.settings import Settings
from w1bench_server.submissions.bodies import Bodies
from w1bench_server.web.app import create_app

DATABASES = ("sqlite", "postgresql")
URL = "/v1/submissions?pair=small-d2-n4-p8&method=mine"
DAY = 86_400
NewDatabase = Callable[[str], str | None]


@pytest.fixture
def bodies(
    settings: Settings, bearer: Callable[..., Any], truth: dict[str, Any], npy: Callable[..., bytes]
) -> dict[Path, bytes]:
    """The accepted bodies of a service that has stopped, which were received long ago."""
    with TestClient(create_app(settings)) as client:
        for scale in range(1, 4):
            answer = client.post(URL, content=npy(scale * truth["gradient"]), headers=bearer(settings))
            assert answer.status_code == 201
    stored = {path: path.read_bytes() for path in (settings.data / "submissions").glob("*/*")}
    for path in stored:
        os.utime(path, (time.time() - 400 * DAY,) * 2)
    return stored


def still_there(bodies: dict[Path, bytes]) -> bool:
    return all(path.is_file() and path.read_bytes() == content for path, content in bodies.items())


def start(settings: Settings) -> None:
    with TestClient(create_app(settings)):
        pass


def test_a_start_on_an_empty_database_is_refused_and_erases_nothing(
    settings: Settings, bodies: dict[Path, bytes], new_database: NewDatabase, database_kind: str, tmp_path: Path
) -> None:
    empty = new_database(database_kind) or f"sqlite:///{tmp_path}/empty.sqlite"
    wrong = settings.model_copy(update={"database_url": empty})
    for _ in range(2):
        with pytest.raises(InputError, match=r"belong to another database.*W1BENCH_DATABASE_URL.*restore"):
            start(wrong)
    (settings.data / "submissions" / "identity").unlink()  # as of a service that is older than identities
    with pytest.raises(InputError, match="belong to another database"):
        start(wrong)
    assert still_there(bodies)
    start(settings)
    assert still_there(bodies)


def test_a_start_on_another_service_s_database_is_refused(
    settings: Settings, bodies: dict[Path, bytes], new_database: NewDatabase, database_kind: str, tmp_path: Path
) -> None:
    other = settings.model_copy(update={"data": tmp_path / "other", "database_url": new_database(database_kind)})
    start(other)
    with pytest.raises(InputError, match="belong to another database"):
        start(settings.model_copy(update={"database_url": other.database.render_as_string(False)}))
    assert still_there(bodies)
    with pytest.raises(InputError, match="belong to another database"):
        start(other.model_copy(update={"bodies_url": str(settings.data / "submissions")}))
    assert still_there(bodies)


def test_a_service_from_before_identities_gets_one(settings: Settings, bodies: dict[Path, bytes]) -> None:
    (settings.data / "submissions" / "identity").unlink()
    with database.opened(settings) as engine, database.writing(engine) as connection:
        connection.execute(delete(identity))
    for _ in range(2):
        start(settings)
    assert still_there(bodies)
    assert len((settings.data / "submissions" / "identity").read_text()) == 32


def test_a_backup_brings_the_identity_and_is_not_mixed_with_other_bodies(
    settings: Settings, bodies: dict[Path, bytes], new_database: NewDatabase, database_kind: str, tmp_path: Path
) -> None:
    backup(settings, tmp_path / "backup.tar")
    there = settings.model_copy(update={"data": tmp_path / "there", "database_url": new_database(database_kind)})
    start(there)
    again = there.model_copy(update={"database_url": new_database(database_kind) or f"sqlite:///{tmp_path}/again"})
    with pytest.raises(InputError, match="belong to another"):
        restore(again, tmp_path / "backup.tar")
    assert list((there.data / "submissions").glob("*/*")) == []
    same = settings.model_copy(update={"database_url": again.database.render_as_string(False)})
    assert restore(same, tmp_path / "backup.tar").bodies == len(bodies)  # its database alone was lost
    start(same)
    with database.opened(same) as engine:
        assert len(Ledger(engine).records()) == len(bodies)
    assert still_there(bodies)


def test_what_is_swept_is_old_and_goes_to_a_dated_trash(tmp_path: Path) -> None:
    bodies = Bodies(tmp_path)
    bodies.sweep(frozenset())
    for name in ("aa", "bb", "cc"):
        (bodies.incoming / name).write_bytes(name.encode())
        bodies.keep(bodies.incoming / name, name * 32)
    for name, days in (("aa", 3), ("bb", 3), ("cc", 0.5)):
        os.utime(tmp_path / "submissions" / name / (name * 32), (time.time() - days * DAY,) * 2)
    past = tmp_path / "trash" / "2020-01-31"
    past.mkdir(parents=True)
    (past / ("dd" * 32)).write_bytes(b"long gone")
    bodies.sweep({"aa" * 32})
    assert {path.name[:2] for path in (tmp_path / "submissions").glob("*/*")} == {"aa", "cc"}
    (trashed,) = (tmp_path / "trash").glob("*/*")
    assert (trashed.name, trashed.read_bytes()) == ("bb" * 32, b"bb")
    assert trashed.parent.name == time.strftime("%Y-%m-%d", time.gmtime())
