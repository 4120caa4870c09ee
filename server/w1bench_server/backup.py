"""Backups: a service's tables and bodies in one tar file, the same from SQLite and PostgreSQL, so that it also moves between them.

It holds `backup.json` (format and schema revision), `tables/NAME.jsonl` (a row a line, all of one moment), `bodies/SHA256`,
`waiting/JOB` (bodies that jobs have still to score), and last `SHA256SUMS` over all of them; a file without it is incomplete.
"""

import base64
import hashlib
import json
import os
import re
import tarfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Connection, MetaData, Table, insert, inspect, select, text

from w1bench.errors import CheckFailedError, InputError
from w1bench.storage.files import atomic_write, exclusive, file_digest
from w1bench_server.database import connection as database
from w1bench_server.database.identity import find_identity
from w1bench_server.database.migrations import revisions
from w1bench_server.database.tables import schema
from w1bench_server.jobs.job import SCORING, submitted_of
from w1bench_server.jobs.queue import Jobs, open_jobs
from w1bench_server.ledger.chain import check_chain
from w1bench_server.ledger.ledger import bodies_of, check_resamples, read_rows
from w1bench_server.settings import Settings
from w1bench_server.submissions.bodies import Bodies

_HEADER, _SUMS = "backup.json", "SHA256SUMS"
_MEMBER = re.compile(r"backup\.json|SHA256SUMS|tables/[a-z_]+\.jsonl|bodies/[0-9a-f]{64}|waiting/[0-9a-f]{32}")
_ROWS_AT_ONCE = 200
_BLOCK_BYTES = 1 << 20


class _Header(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str = "w1bench-backup"
    version: int = 1
    revision: str = revisions.HEAD


@dataclass(frozen=True)
class Held:
    """The contents of a backup: its numbers of rows in each table, and of bodies."""

    rows: dict[str, int]
    bodies: int


def backup(settings: Settings, out: Path) -> Held:
    """Write a backup to `out` atomically; the service may be running.

    Raises:
        InputError: `out` exists, or there is no service, or nothing in its tables.
        CheckFailedError: the ledger is broken, or a body is missing or damaged.
    """
    if out.exists():
        raise InputError(f"{out} exists; give another name, or remove it.")
    bodies, sums = Bodies(settings.data, settings.bodies_url), dict[str, str]()
    with (
        _private(),
        database.existing(settings) as engine,
        TemporaryDirectory(prefix=".w1bench-", dir=out.parent) as folder,
        atomic_write(out) as file,
        tarfile.open(fileobj=file, mode="w") as tar,
    ):
        part = Path(folder) / "part"
        bodies.incoming.mkdir(parents=True, exist_ok=True)

        def add(name: str, path: Path) -> None:
            sums[name] = file_digest(path)
            tar.add(path, name, filter=_plain)

        part.write_text(_Header().model_dump_json())
        add(_HEADER, part)
        counts: dict[str, int] = {}
        with database.frozen(engine) as connection:
            needed, waiting = _checked(connection), open_jobs(connection, SCORING)
            for table in schema.sorted_tables:
                counts[table.name] = _dump(connection, table, part)
                add(f"tables/{table.name}.jsonl", part)
        if not any(counts.values()):
            raise database.no_service(settings)
        for digest in sorted(needed):
            with bodies.borrowed(digest) as body:
                add(f"bodies/{digest}", body)
            if sums[f"bodies/{digest}"] != digest:
                raise CheckFailedError(f"The body {digest} is damaged; restore it from an older backup.")
        for job in waiting:
            submitted = submitted_of(job)
            if Jobs(engine).find(job.id).is_open:  # else it has ended meanwhile, and its body is gone
                with bodies.borrowed(submitted.sha256, job=job.id) as body:
                    add(f"waiting/{job.id}", body)
        part.write_text("".join(f"{digest}  {name}\n" for name, digest in sums.items()))
        add(_SUMS, part)
    return Held(counts, len(needed))


def restore(settings: Settings, file: Path) -> Held:
    """Fill an empty service from a backup, with all of its rows or none.

    Raises:
        InputError: `file` cannot be read, was made by a newer w1bench, the database has rows, the bodies here belong to another one,
            or a server is using it.
        CheckFailedError: the backup is damaged or incomplete.
    """
    running = InputError(f"A server uses {settings.data}; stop it, or restore into another --data.")
    bodies = Bodies(settings.data, settings.bodies_url)
    with _private():
        settings.data.mkdir(parents=True, exist_ok=True)
        bodies.incoming.mkdir(exist_ok=True)
    with _private(), exclusive(settings.data / ".serve.lock", running), database.connected(settings) as engine:
        with engine.connect() as connection:
            _check_empty(connection)
        with TemporaryDirectory(prefix=".w1bench-", dir=settings.data) as folder:
            kept = set[str]()
            for name, part in _members(file, Path(folder)):
                if name.startswith(("bodies/", "waiting/")):
                    bodies.check_owner(_identity(Path(folder)))
                if name.startswith("bodies/"):
                    bodies.keep(part, part.name)
                    kept.add(part.name)
                elif name.startswith("waiting/"):
                    bodies.keep_waiting(part, part.name)
                else:
                    continue
                part.unlink(missing_ok=True)
            header = _header(Path(folder), file)
            with database.writing(engine) as connection:
                _check_empty(connection)
                revisions.upgrade(connection, header.revision)
                counts = _load(connection, Path(folder))
                revisions.upgrade(connection)
                if missing := _checked(connection) - kept:
                    raise CheckFailedError(f"{file} lacks the body {min(missing)}; use an older backup.")
                service = find_identity(connection)
                if service is not None:
                    bodies.set_owner(service)
    return Held(counts, len(kept))


@contextmanager
def _private() -> Generator[None]:
    """What is made inside is for this user alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _checked(connection: Connection) -> set[str]:
    """The digests of the bodies that the ledger names, after its chain was checked."""
    rows = read_rows(connection)
    check_chain(rows)
    check_resamples(connection)
    return bodies_of(rows)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """A member without the owner of its file."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def _dump(connection: Connection, table: Table, path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for row in connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(select(table)).mappings():
            file.write(json.dumps({name: _written(value) for name, value in row.items()}) + "\n")
            count += 1
    return count


def _load(connection: Connection, folder: Path) -> dict[str, int]:
    """Insert the rows of all tables, which have the schema of the backup."""
    tables, counts = MetaData(), dict[str, int]()
    tables.reflect(connection)
    for table in tables.sorted_tables:
        path = folder / f"{table.name}.jsonl"
        if not path.exists():
            continue
        counts[table.name] = 0
        with path.open(encoding="utf-8") as file:
            rows = ({name: _read(value) for name, value in json.loads(line).items()} for line in file)
            while some := list(islice(rows, _ROWS_AT_ONCE)):
                connection.execute(insert(table), some)
                counts[table.name] += len(some)
    return counts


def _members(file: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """The members of a backup, each as a file in `folder`; at the end, all were checked against their digests."""
    digests: dict[str, str] = {}
    with _opened(file) as tar:
        for member in tar:
            source = tar.extractfile(member) if member.isreg() else None
            if source is None or not _MEMBER.fullmatch(member.name) or member.name in digests:
                raise CheckFailedError(f"{file} is not a valid backup: it holds {member.name!r}; use another one.")
            part, digest = folder / Path(member.name).name, hashlib.sha256()
            with source, part.open("wb") as copy:
                while block := source.read(_BLOCK_BYTES):
                    digest.update(block)
                    copy.write(block)
            digests[member.name] = digest.hexdigest()
            if member.name.startswith("bodies/") and digests[member.name] != part.name:
                raise _damaged(file, member.name)
            yield member.name, part
    sums = folder / _SUMS
    if digests.pop(_SUMS, None) is None:
        raise CheckFailedError(f"{file} is incomplete: it has no {_SUMS}. It was cut off, or is not a backup.")
    expected = {name: digest for digest, name in (line.split(maxsplit=1) for line in sums.read_text().splitlines())}
    for name in sorted(expected.keys() | digests.keys()):
        if expected.get(name) != digests.get(name):
            raise _damaged(file, name)


@contextmanager
def _opened(file: Path) -> Generator[tarfile.TarFile]:
    if not file.is_file():
        raise InputError(f"{file} is not a file; give one that `w1bench backup` wrote.")
    try:
        with tarfile.open(file, mode="r:") as tar:
            yield tar
    except (tarfile.TarError, EOFError) as error:
        raise CheckFailedError(f"{file} is not a backup, or was cut off ({error}); use another one.") from None


def _damaged(file: Path, name: str) -> CheckFailedError:
    return CheckFailedError(f"{file} is damaged: {name} does not match its SHA-256; use another backup.")


def _header(folder: Path, file: Path) -> _Header:
    try:
        header = _Header.model_validate_json((folder / _HEADER).read_bytes())
    except (FileNotFoundError, ValidationError):
        raise CheckFailedError(f"{file} has no valid {_HEADER}; it is not a backup.") from None
    if header.version > _Header().version or header.revision > revisions.HEAD:
        raise InputError(
            f"{file} has format version {header.version} and schema revision {header.revision}; this w1bench reads up to "
            f"{_Header().version} and {revisions.HEAD}: upgrade it."
        )
    return header


def _identity(folder: Path) -> str | None:
    """The identity of the service in a backup; None in one that was made before its first start."""
    path = folder / "identity.jsonl"
    return next((json.loads(line)["id"] for line in path.read_text().splitlines()), None) if path.exists() else None


def _check_empty(connection: Connection) -> None:
    for name in set(inspect(connection).get_table_names()) & set(schema.tables):
        if connection.execute(text(f"SELECT 1 FROM {name} LIMIT 1")).first():
            raise InputError(
                f"The database has rows already (in {name}); restore into an empty one, or another --data."
            )


def _written(value: Any) -> Any:
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _read(value: Any) -> Any:
    return base64.b64decode(value["base64"]) if isinstance(value, Mapping) else value
