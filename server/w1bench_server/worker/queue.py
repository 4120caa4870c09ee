"""Queueing: DBOS hands each job to one worker, and to another when that one died.

Its tables lie beside ours: on SQLite in a file of the data folder, on PostgreSQL in a schema of their own. A job comes to it from our
table, where whoever asked for it put it; so that none is lost between the two, a worker hands over again what DBOS does not
have, or has with a worker that is no longer there. Doing a job twice does no harm (see `jobs`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

from dbos import DBOS, DBOSPortableJSONSerializer
from sqlalchemy import URL, Engine, create_engine, event

from w1bench_server.jobs.table import Jobs
from w1bench_server.settings import Settings
from w1bench_server.worker.liveness import Living

SCHEMA, FILE = "w1bench_queue", "queue.sqlite"
# DBOS leaves jobs of another version to workers of that version; ours are all the same to any release.
_VERSION = "1"
_WORKFLOW = "job"
_POLL_SECONDS = 0.5
_BUSY_SECONDS = 30
_CLAIMED_SECONDS = 10.0  # by this worker, which does not do it: the database broke off in between
_WAITING = ("ENQUEUED", "DELAYED")
_RUNNING = "PENDING"
_DONE = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
_FORGOTTEN_AT_ONCE = 100


@contextmanager
def listening(
    settings: Settings, name: str, at_once: dict[str, int], do: Callable[[str], None], *, grace: int
) -> Generator[None]:
    """Have jobs of the queues in `at_once`, so many at once, done by this process, which is called `name`, for the block.

    Afterwards those under way have `grace` seconds to end.
    """
    logging.getLogger("dbos").addHandler(logging.NullHandler())  # or it would write to the terminal itself
    engine = _engine(settings)
    DBOS(
        config={
            "name": "w1bench",
            "system_database_engine": engine,
            "dbos_system_schema": SCHEMA,
            "application_version": _VERSION,
            "executor_id": name,
            "serializer": DBOSPortableJSONSerializer(),  # the default one unpickles what it reads
            "use_listen_notify": False,
            "log_level": "WARNING",
        }
    )
    try:
        DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=None)(_named(do))  # `jobs` counts attempts
        DBOS.listen_queues(list(at_once))
        DBOS.launch()
        for queue, count in at_once.items():
            DBOS.register_queue(
                queue, worker_concurrency=count, polling_interval_sec=_POLL_SECONDS, on_conflict="always_update"
            )
        yield
    finally:
        DBOS.destroy(workflow_completion_timeout_sec=grace)
        engine.dispose()


def tend(jobs: Jobs, living: Living, queues: Sequence[str], *, name: str, has: Callable[[str], bool]) -> None:
    """Hand over the jobs that no worker has: new ones, and those whose worker died; forget what is done. One worker at a time does so.

    This one is called `name`, and `has` says whether it is at a job.
    """

    def is_at(worker: str, status: Any) -> bool:
        if worker != name:
            return living.is_alive(worker)
        return has(status.workflow_id) or time.time() - status.dequeued_at / 1000 < _CLAIMED_SECONDS

    def is_taken_care_of(status: Any) -> bool:
        """Whether a job waits where workers look, or one is at it."""
        if status is None or status.app_version != _VERSION:
            return False
        return status.status in _WAITING or (status.status == _RUNNING and is_at(status.executor_id, status))

    with living.tending() as chosen:
        if not chosen:
            return
        living.bury()
        queue_of = {job.id: job.queue for job in jobs.open(queues)}
        for status in _statuses(status=_RUNNING, queue_name=list(queues)):
            queue_of.setdefault(status.workflow_id, str(status.queue_name))  # ended, but not tidied up
        known = {status.workflow_id: status for status in _statuses(workflow_ids=list(queue_of))} if queue_of else {}
        for identity, queue in queue_of.items():
            if not is_taken_care_of(known.get(identity)):
                if identity in known:
                    DBOS.delete_workflow(identity)
                DBOS.enqueue_workflow_with_options(
                    {"workflow_name": _WORKFLOW, "queue_name": queue, "workflow_id": identity, "app_version": _VERSION},
                    identity,
                )
        for status in _statuses(status=_DONE, queue_name=list(queues), limit=_FORGOTTEN_AT_ONCE):
            if status.workflow_id not in queue_of:  # the job has ended, and our table says how
                DBOS.delete_workflow(status.workflow_id)


def _statuses(**chosen: Any) -> list[Any]:
    return DBOS.list_workflows(**chosen, load_input=False, load_output=False)


def _named(do: Callable[[str], None]) -> Callable[[str], None]:
    def job(identity: str) -> None:
        do(identity)

    return job


def _engine(settings: Settings) -> Engine:
    """DBOS's own connections to the database, or to its file."""
    if settings.database.get_backend_name() == "postgresql":
        return create_engine(settings.database, pool_pre_ping=True)
    settings.data.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        URL.create("sqlite", database=str(settings.data.absolute() / FILE)),
        connect_args={"isolation_level": "IMMEDIATE", "timeout": _BUSY_SECONDS},  # as DBOS makes them
    )
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys=ON")
