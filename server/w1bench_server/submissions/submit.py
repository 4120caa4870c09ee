"""Submitting: a received upload becomes a row: known already, or scored, kept and recorded, in that order.

A large one is kept first, and scored as a job.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from w1bench.errors import SubmissionError
from w1bench_server.clients import Client
from w1bench_server.database.times import now
from w1bench_server.jobs.job import Job, new_job
from w1bench_server.jobs.table import Jobs
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.ledger.records import Entry, Record, Submitted, content
from w1bench_server.pairs.published import PublishedPair
from w1bench_server.sandbox.scorer import Scorer
from w1bench_server.settings import Settings
from w1bench_server.submissions.bodies import Bodies
from w1bench_server.submissions.quota import Quota
from w1bench_server.submissions.redaction import rounded
from w1bench_server.submissions.uploads import Upload


@dataclass(frozen=True)
class Submissions:
    """What takes a received upload to its row or its job."""

    settings: Settings
    ledger: Ledger
    jobs: Jobs
    bodies: Bodies
    scorer: Scorer

    async def submit(
        self, pair: PublishedPair, upload: Upload, *, method: str, user: str, key: str | None
    ) -> tuple[Record | Job, bool]:
        """The record of a submission, or the job that scores it, and whether it is a new one.

        Raises:
            SubmissionError: it cannot be scored, or the pair was revealed.
            KeyReusedError: `key` came before with other content.
            ProblemError: 429, when the user's quota of today is used up.
        """
        submitted = Submitted(uuid4().hex, pair.name, pair.digest, method, user, upload.sha256, upload.bytes)
        if known := await run_in_threadpool(self.ledger.known, content(submitted), key=key):
            return known, False
        if known := await run_in_threadpool(self.jobs.known, user, content(submitted).digest, key=key):
            return known, False
        if pair.manifest.sealed and not pair.manifest.is_secret:
            raise SubmissionError(
                "This pair was sealed, and its truth is known now: the round is over. Score it with w1bench score."
            )
        quota, large = _quota(self.settings, user, pair), upload.bytes > self.settings.job_bytes
        await run_in_threadpool(quota.look, self.ledger.engine)
        if pair.manifest.is_secret and not large:  # what cannot be scored is said at once
            await self.scorer.check(pair.folder, upload.path, client=Client(user, known=True))
        if pair.manifest.is_secret or large:
            return await run_in_threadpool(_queue, self, pair, submitted, upload.path, key, quota)
        return await score_and_record(
            submitted, pair, upload.path, scorer=self.scorer, bodies=self.bodies, ledger=self.ledger, key=key,
            admit=quota.check,
        )  # fmt: skip


async def score_and_record(
    submitted: Submitted,
    pair: PublishedPair,
    body: Path,
    *,
    scorer: Scorer,
    bodies: Bodies,
    ledger: Ledger,
    key: str | None = None,
    admit: Callable[[Connection], None] = lambda _: None,
) -> tuple[Record, bool]:
    """The record of a submission whose body is here, and whether it is new, unless `admit` raises.

    The row comes last: where it is, the body is. Of a score on a sealed pair it holds no more than is told; when the pair is
    revealed, it is scored again (see `rescoring`).

    Raises:
        SubmissionError: it cannot be scored.
    """
    scored = await scorer.score(pair.folder, body, client=Client(submitted.user, known=True))
    card, resampled = (rounded(scored.card), None) if pair.manifest.is_secret else (scored.card, scored.resampled)
    entry = Entry(**asdict(submitted), submitted_at=now(), scorer=version("w1bench"), scorecard=card.model_dump_json())
    await run_in_threadpool(_look, ledger, admit)  # before the body is moved in vain
    await run_in_threadpool(bodies.keep, body, submitted.sha256)
    return await run_in_threadpool(partial(ledger.append, entry, resampled=resampled, key=key, admit=admit))


def _look(ledger: Ledger, admit: Callable[[Connection], None]) -> None:
    with ledger.engine.connect() as connection:
        admit(connection)


def _quota(settings: Settings, user: str, pair: PublishedPair) -> Quota:
    """Of a sealed pair, how often its truth may be asked about."""
    if pair.manifest.is_secret:
        return Quota(user, settings.sealed_submissions, pair.name)
    return Quota(user, settings.daily_submissions)


def _queue(
    service: Submissions, pair: PublishedPair, submitted: Submitted, body: Path, key: str | None, quota: Quota
) -> tuple[Job, bool]:
    """The job that scores a submission; where it is, the body is."""
    job = new_job(
        "sealed" if pair.manifest.is_secret else "score", identity=submitted.id, user=submitted.user, pair=submitted.pair,
        content=content(submitted).digest, document=json.dumps(asdict(submitted)),
    )  # fmt: skip
    created = False
    try:
        service.bodies.keep_waiting(body, job.id)
        job, created = service.jobs.add(job, key=key, admit=quota.check)
        return job, created
    finally:
        if not created:
            service.bodies.forget_waiting(submitted.id)
