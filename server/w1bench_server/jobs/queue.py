"""The queue of jobs, which is their table: workers claim the oldest job that waits.

A job goes from queued to running to succeeded, failed or cancelled. Every writing transaction takes the database's one lock, so
that a claim is one UPDATE of the oldest waiting row. A job whose worker died is claimed again, and a worker that lost its job in
this way cannot change it any more: `worker` and `attempts` are no longer the ones it knows.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, bindparam, func, insert, select, update

from w1bench_server.database.connection import writing
from w1bench_server.database.tables import jobs
from w1bench_server.database.times import now
from w1bench_server.errors import UnknownJobError
from w1bench_server.jobs.job import CANCELLED, OPEN, QUEUES, STATES, Ended, Job, Progress
from w1bench_server.ledger.idempotency import UNDONE, check_key, remember_key

_OF_CONTENT = (  # that has not come to nothing, the newest
    select(jobs)
    .where(jobs.c.content == bindparam("content"), jobs.c.state.not_in(UNDONE))
    .order_by(jobs.c.created_at.desc())
    .limit(1)
)


@dataclass(frozen=True)
class Jobs:
    """The jobs of a database (see `database.opened`)."""

    engine: Engine

    def add(
        self, job: Job, *, key: str | None = None, admit: Callable[[Connection], None] = lambda _: None
    ) -> tuple[Job, bool]:
        """Queue `job` unless `admit` raises; returns it and True, or the job of the same content and False.

        Raises:
            KeyReusedError: `key` came before with other content.
        """
        with writing(self.engine) as connection:
            if known := known_job(connection, job.user, job.content, key):
                return known, False
            admit(connection)
            connection.execute(insert(jobs).values(_row(job)))
            remember_key(connection, job.user, key, job.id)
            return job, True

    def known(self, user: str, content: str, *, key: str | None = None) -> Job | None:
        """The job of the same content that has not come to nothing, if there is one; `key` stands for it from then on.

        Raises:
            KeyReusedError: `key` came before with other content.
        """
        with writing(self.engine) as connection:
            return known_job(connection, user, content, key)

    def find(self, identity: str) -> Job:
        """The job of an id.

        Raises:
            UnknownJobError: there is no such job.
        """
        with self.engine.connect() as connection:
            return _find(connection, identity)

    def page(
        self, *, limit: int, before: tuple[str, str] | None = None, state: str | None = None, queue: str | None = None
    ) -> list[Job]:
        """Up to `limit` jobs, the newest first, that were created `before` a time and id."""
        chosen = select(jobs).order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit)
        if before:
            time, identity = before
            earlier = (jobs.c.created_at < time) | ((jobs.c.created_at == time) & (jobs.c.id < identity))
            chosen = chosen.where(earlier)
        for column, value in ((jobs.c.state, state), (jobs.c.queue, queue)):
            chosen = chosen if value is None else chosen.where(column == value)
        with self.engine.connect() as connection:
            return _jobs(connection, chosen)

    def open(self, queues: Sequence[str] = QUEUES) -> list[Job]:
        """The jobs that have not ended, the oldest first."""
        with self.engine.connect() as connection:
            return open_jobs(connection, queues)

    def claim(self, queue: str, worker: str, *, most: int, dead: Collection[str] = ()) -> Job | None:
        """Give `worker` the oldest job of a queue that waits, or that it or a `dead` worker still holds; None if there is none.

        The job is running now, or has failed if it was started `most` times before. One that had ended is left as it is: what
        it left behind is still to be removed.
        """
        free = (jobs.c.state == "queued") | jobs.c.worker.in_([worker, *dead])
        oldest = select(jobs.c.id).where(jobs.c.queue == queue, free).order_by(jobs.c.queued_at, jobs.c.id).limit(1)
        claimed = update(jobs).where(jobs.c.id == oldest.scalar_subquery()).values(worker=worker).returning(jobs.c.id)
        with writing(self.engine) as connection:
            identity = connection.execute(claimed).scalar()
            if identity is None:
                return None
            job = _find(connection, identity)
            if job.is_open and job.attempts >= most:
                _change(connection, job, state="failed", reason=_died(job.attempts), ended_at=now())
            elif job.is_open:
                started_at = job.started_at or now()
                _change(connection, job, state="running", started_at=started_at, attempts=job.attempts + 1)
            return _find(connection, identity)

    def holders(self) -> set[str]:
        """The workers that hold jobs."""
        with self.engine.connect() as connection:
            return set(connection.execute(select(jobs.c.worker).where(jobs.c.worker.is_not(None)).distinct()).scalars())

    def advance(self, job: Job, progress: Progress) -> Job | None:
        """Record the progress of a running job; returns the job as it is now, or None if the caller has lost it."""
        with self.engine.connect() as connection:
            current = still_running(connection, job)
        if current is None or current.progress == progress:
            return current
        with writing(self.engine) as connection:
            _change(connection, current, **asdict(progress))
            return still_running(connection, job)

    def end(self, job: Job, ended: Ended) -> Job:
        """End a running job, which its worker still holds; returns the job as it is now."""
        with writing(self.engine) as connection:
            _change(connection, job, state=ended.state, reason=ended.reason, result=ended.result, ended_at=now())
            return _find(connection, job.id)

    def release(self, job: Job) -> None:
        """Note that nothing remains to be done for a job that ended; no change that users see."""
        with writing(self.engine) as connection:
            connection.execute(update(jobs).where(*_unchanged(job)).values(worker=None))

    def hand_back(self, job: Job, *, last: bool = False) -> None:
        """Queue a running job as if it had not been started: in its old place, or behind all others."""
        place = {"queued_at": now()} if last else {}
        with writing(self.engine) as connection:
            _change(connection, job, state="queued", attempts=job.attempts - 1, worker=None, **place)

    def retry(self, job: Job) -> None:
        """Queue a running job for another attempt, behind all others."""
        with writing(self.engine) as connection:
            _change(connection, job, state="queued", worker=None, queued_at=now())

    def cancel(self, identity: str) -> Job:
        """Cancel a job that no worker has started; ask the worker of another to end it. A job that has ended stays as it is.

        Raises:
            UnknownJobError: there is no such job.
        """
        with writing(self.engine) as connection:
            job = _find(connection, identity)
            if job.is_open and job.started_at is None:
                _change(connection, job, state="cancelled", reason=CANCELLED, ended_at=now(), cancelling=True)
            elif job.is_open and not job.cancelling:
                _change(connection, job, cancelling=True)
            return _find(connection, identity)

    def counts(self) -> dict[tuple[str, str], int]:
        """How many jobs each queue has in each state."""
        counted = select(jobs.c.queue, jobs.c.state, func.count()).group_by(jobs.c.queue, jobs.c.state)
        found = {(queue, state): 0 for queue in QUEUES for state in STATES}
        with self.engine.connect() as connection:
            return found | {(queue, state): count for queue, state, count in connection.execute(counted)}

    def waiting_seconds(self) -> dict[str, float]:
        """How long the oldest job of each queue has been waiting for a worker."""
        oldest = select(jobs.c.queue, func.min(jobs.c.created_at)).where(jobs.c.state == "queued")
        moment, found = datetime.now(UTC), dict.fromkeys(QUEUES, 0.0)
        with self.engine.connect() as connection:
            for queue, created_at in connection.execute(oldest.group_by(jobs.c.queue)):
                found[queue] = max(0.0, (moment - datetime.fromisoformat(created_at)).total_seconds())
        return found


def still_running(connection: Connection, job: Job) -> Job | None:
    """A running job as a transaction sees it; None if the caller has lost it."""
    current = _find(connection, job.id)
    return current if (current.state, *_claim(current)) == ("running", *_claim(job)) else None


def open_jobs(connection: Connection, queues: Sequence[str] = QUEUES) -> list[Job]:
    """The jobs that have not ended, as a transaction sees them."""
    chosen = select(jobs).where(jobs.c.state.in_(OPEN), jobs.c.queue.in_(queues))
    return _jobs(connection, chosen.order_by(jobs.c.created_at, jobs.c.id))


def _died(times: int) -> str:
    return f"Its worker died {times} times." if times > 1 else "Its worker died."


def known_job(connection: Connection, user: str, content: str, key: str | None) -> Job | None:
    """As `Jobs.known`, in a transaction that writes."""
    check_key(connection, user, key, content)
    found = _jobs(connection, _OF_CONTENT, content=content)
    if not found:
        return None
    remember_key(connection, user, key, found[0].id)
    return found[0]


def _find(connection: Connection, identity: str) -> Job:
    found = _jobs(connection, select(jobs).where(jobs.c.id == identity))
    if not found:
        raise UnknownJobError("There is no job of this id; look at the answer that named it.")
    return found[0]


def _change(connection: Connection, job: Job, **values: Any) -> None:
    """Change a job's row, unless its state or its claim changed since the caller read it."""
    connection.execute(update(jobs).where(*_unchanged(job)).values(version=jobs.c.version + 1, **values))


def _unchanged(job: Job) -> tuple[Any, ...]:
    worker, attempts = _claim(job)
    return jobs.c.id == job.id, jobs.c.state == job.state, jobs.c.attempts == attempts, jobs.c.worker == worker


def _claim(job: Job) -> tuple[str | None, int]:
    return job.worker, job.attempts


def _row(job: Job) -> dict[str, Any]:
    values = asdict(job)
    return values | values.pop("progress")


def _jobs(connection: Connection, chosen: Select[Any], **values: object) -> list[Job]:
    return [_job(dict(row)) for row in connection.execute(chosen, values).mappings()]


def _job(row: dict[str, Any]) -> Job:
    progress = Progress(*(row.pop(name) for name in ("done", "total", "unit")))
    return Job(progress=progress, **row)
