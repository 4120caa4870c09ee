"""A job: work that is done outside of a request, the states it goes through, and what came of it."""

import json
from dataclasses import dataclass, field
from uuid import uuid4

from w1bench_server.database.times import now
from w1bench_server.ledger.idempotency import UNDONE
from w1bench_server.ledger.records import Submitted

QUEUES: tuple[str, ...] = ("build", "score", "sealed")
SCORING: tuple[str, ...] = ("score", "sealed")  # those that score submissions: to open pairs, and to sealed ones
OPEN = ("queued", "running")
STATES = (*OPEN, "succeeded", *UNDONE)
CANCELLED = "It was cancelled."


@dataclass(frozen=True)
class Progress:
    """How far a job is: units done, of the total known so far."""

    done: int = 0
    total: int = 0
    unit: str = ""


@dataclass(frozen=True)
class Job:
    """One row of the table: `document` is what is to be done, `result` the pair or submission that came of it.

    Two jobs of the same `content` are the same. `version` counts the changes that users see, `cancelling` asks its worker to end
    it, and `worker` names who holds it, from the claim until what it left behind is removed.
    """

    id: str
    queue: str
    user: str
    pair: str
    content: str
    document: str
    created_at: str
    state: str = "queued"
    started_at: str | None = None
    ended_at: str | None = None
    reason: str | None = None
    result: str | None = None
    attempts: int = 0
    cancelling: bool = False
    progress: Progress = Progress()
    version: int = 1
    worker: str | None = None
    queued_at: str = field(default_factory=now)

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


@dataclass(frozen=True)
class Ended:
    """How an attempt at a job ended; `again` if the reason may pass, so that another attempt is worth it."""

    state: str
    reason: str | None = None
    result: str | None = None
    again: bool = False


def new_job(
    queue: str, *, user: str, pair: str, content: str, document: str, identity: str | None = None
) -> Job:  # fmt: skip
    """A job that is not in the table yet."""
    return Job(identity or uuid4().hex, queue, user, pair, content, document, now())


def submitted_of(job: Job) -> Submitted:
    """What a job of the queues in `SCORING` is to score."""
    return Submitted(**json.loads(job.document))
