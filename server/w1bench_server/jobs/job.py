"""Job."""

from __future__ import annotations

import json
from dataclasses import dataclass
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
    """How far a job is: so many units done, of so many that are known of."""

    done: int = 0
    total: int = 0
    unit: str = ""


@dataclass(frozen=True)
class Job:
    """A job: `document` says what is to be done, `result` names the pair or submission that came of it.

    `content` is what makes two of them the same, `version` counts its changes, `cancelling` that it is asked to end.
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

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


@dataclass(frozen=True)
class Ended:
    """How an attempt at a job ended. `again`: for a reason that may pass, so that another is worth it."""

    state: str
    reason: str | None = None
    result: str | None = None
    again: bool = False


def new_job(
    queue: str, *, user: str, pair: str, content: str, document: str, identity: str | None = None
) -> Job:  # fmt: skip
    """A job that is to be added."""
    return Job(identity or uuid4().hex, queue, user, pair, content, document, now())


def submitted_of(job: Job) -> Submitted:
    """What a job of the queues in `SCORING` is to score."""
    return Submitted(**json.loads(job.document))
