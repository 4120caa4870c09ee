"""Readiness: checks of everything that a server's work needs."""

import secrets
import shutil

from sqlalchemy import delete, insert
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from w1bench.archive.catalogue import published
from w1bench.errors import PairError
from w1bench_server.database.connection import writing
from w1bench_server.database.tables import tokens
from w1bench_server.jobs.job import QUEUES, SCORING, STATES
from w1bench_server.sandbox.confinement import LAYERS
from w1bench_server.service import Service
from w1bench_server.web.api.schemas.base import Part


class Check(Part):
    """The outcome of one check."""

    name: str
    ok: bool
    detail: str


class Readiness(Part):
    """The answer of a service that is ready, with its checks."""

    status: str
    checks: list[Check]


def checks(service: Service) -> list[Check]:
    """All checks, as they are now."""
    return [
        _archive(service), _database(service), _bodies(service), _disk(service), _scoring(service), _jail(service),
        _jobs(service), _fixity(service),
    ]  # fmt: skip


def _archive(service: Service) -> Check:
    try:
        count = len(published(service.settings.archive))
    except (PairError, OSError):
        return Check(name="archive", ok=False, detail="The archive cannot be read.")
    return Check(name="archive", ok=True, detail=f"{count} pairs are published.")


def _database(service: Service) -> Check:
    """Write a token that is not valid, and remove it in the same transaction."""
    row = {"prefix": secrets.token_hex(4), "digest": "", "user": "", "scope": "", "created_at": ""}
    try:
        with writing(service.ledger.engine) as connection:
            connection.execute(insert(tokens).values(row))
            connection.execute(delete(tokens).where(tokens.c.prefix == row["prefix"]))
    except SQLAlchemyError as error:
        lost = isinstance(error, DBAPIError) and isinstance(error.orig, FileNotFoundError)
        reason = "its file was removed or replaced" if lost else type(error).__name__
        return Check(name="database", ok=False, detail=f"The database cannot be written ({reason}).")
    return Check(name="database", ok=True, detail="The database can be written.")


def _bodies(service: Service) -> Check:
    fault = service.reach.fault()
    return Check(name="bodies", ok=fault is None, detail=fault or "The place of bodies can be reached.")


def _disk(service: Service) -> Check:
    floor = service.settings.min_free_bytes
    try:
        free = shutil.disk_usage(service.bodies.incoming).free
    except OSError as error:
        return Check(name="disk", ok=False, detail=f"The folder of uploads cannot be read ({error.strerror}).")
    return Check(name="disk", ok=free >= floor, detail=f"{free} bytes are free; needed {floor}.")


def _scoring(service: Service) -> Check:
    scorer, settings = service.scorer, service.settings
    full, oldest = scorer.pending >= settings.scoring_processes + settings.waiting, scorer.oldest_seconds
    detail = (
        f"{scorer.pending} uploads wait or are scored, the oldest for {oldest:.0f} s of {settings.queue_seconds:.0f}."
    )
    return Check(name="scoring", ok=not full and oldest <= settings.queue_seconds, detail=detail)


def _jail(service: Service) -> Check:
    """Layers that are required and missing keep the service from starting; those that are missing besides are named."""
    in_force = service.scorer.layers
    missing = [name for name in LAYERS if name not in in_force]
    rest = f"not in force here: {', '.join(missing)}" if missing else "every layer is in force"
    detail = f"HDF5 uploads are read under {', '.join(in_force) or 'limits alone'}; {rest}."
    return Check(name="jail", ok=True, detail=detail)


def _jobs(service: Service) -> Check:
    """Submissions must not wait too long for a worker; builds of pairs may, because they are done one by one."""
    try:
        counts, waiting = service.jobs.counts(), service.jobs.waiting_seconds()
    except SQLAlchemyError as error:
        return Check(name="jobs", ok=False, detail=f"The jobs cannot be read ({type(error).__name__}).")
    limit = service.settings.queue_seconds
    queues = [
        f"{queue}: {', '.join(f'{counts[queue, state]} {state}' for state in STATES)}, the oldest waits for {waiting[queue]:.0f} s"
        for queue in QUEUES
    ]
    return Check(
        name="jobs",
        ok=all(waiting[queue] <= limit for queue in SCORING),
        detail=f"{'; '.join(queues)}; submissions may for {limit:.0f} s.",
    )


def _fixity(service: Service) -> Check:
    fixity = service.fixity
    last = (
        f"the last pass ended at {fixity.checked_at:%Y-%m-%dT%H:%MZ}" if fixity.checked_at else "no pass has ended yet"
    )
    damage = f"damaged: {', '.join(sorted(fixity.damaged))}" if fixity.damaged else "no file is damaged"
    working = "" if fixity.running else "; the check itself has stopped"
    return Check(name="fixity", ok=fixity.running and not fixity.damaged, detail=f"{damage}; {last}{working}.")
