"""A backup restores the same chain, bodies and tokens, from and to either database; a damaged one restores nothing."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from w1bench.errors import CheckFailedError, InputError
from w1bench.storage.files import exclusive
from w1bench_server.backup import Held, backup, restore
from w1bench_server.database import connection as database
from w1bench_server.database.tables import resamples
from w1bench_server.ledger.chain import check_chain
from w1bench_server.ledger.ledger import Ledger, known_record
from w1bench_server.ledger.records import Entry, Retraction, content
from w1bench_server.settings import Settings
from w1bench_server.submissions.bodies import Bodies
from w1bench_server.web.auth.tokens import create_token, holder, list_tokens

DATABASES = ("sqlite", "postgresql")
Make = Callable[..., Entry]
NewDatabase = Callable[[str], str | None]


def fill(settings: Settings, make_entry: Make) -> str:
    """A service with three submissions, two of them of one body, and a retraction; returns a token."""
    bodies = Bodies(settings.data, settings.bodies_url)
    bodies.sweep(frozenset())
    with database.opened(settings) as engine:
        ledger = Ledger(engine)
        for name, body in (("a", b"one"), ("b", b"two"), ("c", b"one")):
            digest = hashlib.sha256(body).hexdigest()
            (bodies.incoming / name).write_bytes(body)
            bodies.keep(bodies.incoming / name, digest)
            entry = replace(make_entry(name, method=name, cos=0.5), sha256=digest, method="ü 'quoted' \\ \u2028")
            ledger.append(replace(entry, user=name), resampled=bytes(range(256)), key="key")
        ledger.retract(Retraction("b", "2030-01-02T00:00:00.000+00:00", "b", "a mistake"))
    return create_token(settings, user="ann", days=3)


def test_it_restores_the_same_to_either_database(
    settings: Settings, make_entry: Make, new_database: NewDatabase, tmp_path: Path
) -> None:
    token = fill(settings, make_entry)
    file = tmp_path / "backup.tar"
    held = backup(settings, file)
    assert file.stat().st_mode & 0o077 == 0
    assert held == Held({"ledger": 4, "resamples": 1, "idempotency_keys": 3, "tokens": 1, "jobs": 0, "identity": 0}, 2)
    with database.opened(settings) as engine:
        rows = Ledger(engine).rows()
    for kind in DATABASES:
        target = settings.model_copy(update={"data": tmp_path / kind, "database_url": new_database(kind)})
        assert restore(target, file) == held
        assert [path for path in (target.data, *target.data.rglob("*")) if path.stat().st_mode & 0o077] == []
        with database.opened(target) as engine:
            ledger = Ledger(engine)
            assert ledger.rows() == rows
            check_chain(ledger.rows())
            record = ledger.find("a")
            assert record.score.resamples is not None
            assert ledger.resampled(record.score.resamples) == bytes(range(256))
            with database.writing(engine) as connection:
                assert known_record(connection, content(record.entry), "key") == record
            assert holder(engine, token).user == "ann"
        assert backup(target, tmp_path / f"{kind}.tar") == held
        assert members(tmp_path / f"{kind}.tar") == members(file)
        with database.opened(target) as engine:
            assert Ledger(engine).append(make_entry("d"))[1]  # life goes on
        assert list_tokens(target) == list_tokens(settings)
        for body in (b"one", b"two"):
            with Bodies(target.data).borrowed(hashlib.sha256(body).hexdigest()) as path:
                assert path.read_bytes() == body
        assert list((target.data / "incoming").iterdir()) == []
        with pytest.raises(InputError, match="has rows already"):
            restore(target, file)


def test_a_backup_of_nothing_is_refused_and_one_of_a_token_is_not(settings: Settings, tmp_path: Path) -> None:
    refused, file = re.escape(str(database.no_service(settings))), tmp_path / "backup.tar"
    for _ in range(2):
        with pytest.raises(InputError, match=refused):
            backup(settings, file)
        assert not file.exists()
        assert list_tokens(settings) == []  # which makes the tables
    create_token(settings, user="ann")
    assert sum(backup(settings, file).rows.values()) == 1


def test_bodies_move_between_a_folder_and_a_bucket(
    settings: Settings, make_entry: Make, new_database: NewDatabase, tmp_path: Path, bucket: str
) -> None:
    fill(settings, make_entry)
    backup(settings, tmp_path / "one.tar")
    url = f"{bucket}/{tmp_path.name}"
    there = settings.model_copy(
        update={"data": tmp_path / "there", "bodies_url": url, "database_url": new_database("sqlite")}
    )
    held = restore(there, tmp_path / "one.tar")
    assert not (there.data / "submissions").exists()
    assert backup(there, tmp_path / "two.tar") == held
    assert members(tmp_path / "one.tar") == members(tmp_path / "two.tar")


def members(file: Path) -> dict[str, bytes]:
    with tarfile.open(file) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # pyright: ignore[reportOptionalMemberAccess]


def written(file: Path, contents: dict[str, bytes]) -> Path:
    """A tar of these members."""
    with tarfile.open(file, "w") as tar:
        for name, value in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(value)
            tar.addfile(member, io.BytesIO(value))
    return file


def summed(contents: dict[str, bytes]) -> dict[str, bytes]:
    """With digests that fit."""
    rest = {name: value for name, value in contents.items() if name != "SHA256SUMS"}
    lines = (f"{hashlib.sha256(value).hexdigest()}  {name}\n" for name, value in rest.items())
    return rest | {"SHA256SUMS": "".join(lines).encode()}


def test_what_is_damaged_restores_nothing(
    settings: Settings, make_entry: Make, new_database: NewDatabase, tmp_path: Path
) -> None:
    fill(settings, make_entry)
    backup(settings, tmp_path / "whole.tar")
    whole = members(tmp_path / "whole.tar")
    ledger, body = "tables/ledger.jsonl", next(name for name in whole if name.startswith("bodies/"))
    changed = {name: value for name, value in whole.items() if name not in (ledger, body)}
    forged = whole | {ledger: whole[ledger].replace(b"a mistake", b"a mystery")}
    fewer = whole | {ledger: b"".join(whole[ledger].splitlines(keepends=True)[:-2])}
    cut = (tmp_path / "whole.tar").read_bytes()[:-20_000]
    (tmp_path / "cut.tar").write_bytes(cut)
    (tmp_path / "noise.tar").write_bytes(bytes(range(256)) * 40)
    newer = whole | {"backup.json": json.dumps({"format": "w1bench-backup", "version": 1, "revision": "9999"}).encode()}
    damaged = {
        r"ledger.jsonl does not match its SHA-256": written(tmp_path / "1.tar", forged),
        r"bodies/\w+ does not match its SHA-256": written(tmp_path / "2.tar", whole | {body: b"other"}),
        r"does not match its SHA-256.*": written(tmp_path / "3.tar", changed),
        r"lacks the body": written(tmp_path / "4.tar", summed({n: v for n, v in whole.items() if n != body})),
        r"broken at row 4": written(tmp_path / "5.tar", summed(forged)),
        r"broken at row": written(
            tmp_path / "6.tar", summed(whole | {ledger: b"".join(whole[ledger].splitlines(keepends=True)[1:])})
        ),
        r"is incomplete: it has no SHA256SUMS": written(
            tmp_path / "7.tar", {n: v for n, v in whole.items() if n != "SHA256SUMS"}
        ),
        r"is not a valid backup: it holds": written(tmp_path / "8.tar", whole | {"../evil": b""}),
        r"was cut off": tmp_path / "cut.tar",
        r"is not a backup": tmp_path / "noise.tar",
        r"revision 9999.*upgrade it": written(tmp_path / "9.tar", summed(newer)),
        r"is not a file": tmp_path / "nowhere.tar",
        r"no valid backup.json": written(tmp_path / "10.tar", summed(whole | {"backup.json": b"{}x"})),
    }
    target = settings.model_copy(update={"data": tmp_path / "target", "database_url": new_database("postgresql")})
    for sentence, file in damaged.items():
        with pytest.raises((CheckFailedError, InputError), match=sentence):
            restore(target, file)
        with database.connected(target) as engine, engine.connect() as connection:
            assert not engine.dialect.has_table(connection, "ledger")
    assert not (tmp_path / "evil").exists()
    assert restore(target, written(tmp_path / "11.tar", summed(fewer))).rows["ledger"] == 2  # a shorter ledger holds


def test_what_is_lost_or_damaged_is_not_backed_up(settings: Settings, make_entry: Make, tmp_path: Path) -> None:
    fill(settings, make_entry)
    with database.opened(settings) as engine:
        ledger = Ledger(engine)
        digest = ledger.append(make_entry("compared"), resampled=b"values")[0].score.resamples
        assert digest is not None
        assert ledger.resampled(digest) == b"values"
        for values, told in ((b"forged", None), (b"values", b"values")):
            with database.writing(engine) as connection:
                connection.execute(update(resamples).where(resamples.c.sha256 == digest).values(values=values))
            assert ledger.resampled(digest) == told  # of which nothing is made
            if told is None:
                with pytest.raises(CheckFailedError, match=f"resamples {digest} were changed"):
                    backup(settings, tmp_path / "backup.tar")
    body = next((settings.data / "submissions").glob("*/*"))
    body.write_bytes(b"damaged")
    with pytest.raises(CheckFailedError, match=r"body \w+ is damaged"):
        backup(settings, tmp_path / "backup.tar")
    body.unlink()
    with pytest.raises(CheckFailedError, match=r"body \w+ is missing"):
        backup(settings, tmp_path / "backup.tar")
    assert not (tmp_path / "backup.tar").exists()
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    (tmp_path / "there.tar").touch()
    with pytest.raises(InputError, match="exists; give another name"):
        backup(settings, tmp_path / "there.tar")


def test_a_service_that_runs_is_backed_up_but_not_restored(
    settings: Settings, make_entry: Make, tmp_path: Path
) -> None:
    fill(settings, make_entry)
    with exclusive(settings.data / ".serve.lock", InputError("")):
        backup(settings, tmp_path / "backup.tar")
        with pytest.raises(InputError, match="A server uses"):
            restore(settings, tmp_path / "backup.tar")
