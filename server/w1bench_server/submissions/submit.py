"""From a received upload to its row in the ledger: admitted, scored, its body kept, recorded.

Two transactions write: one admits the submission, one appends its row. A large upload, or one to a sealed pair, becomes a job
in place of a row, and a worker takes it from there (`score_and_record`).
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from w1bench.archive.manifest import PairState
from w1bench.client.metadata import Metadata
from w1bench_server.admission_control import Client
from w1bench_server.database.connection import writing
from w1bench_server.database.times import now
from w1bench_server.errors import ProblemError
from w1bench_server.jobs.job import Job, new_job
from w1bench_server.jobs.queue import Jobs, known_job
from w1bench_server.ledger.ledger import Ledger, known_record
from w1bench_server.ledger.records import REFERENCE_USER, Entry, Record, Submitted, content
from w1bench_server.pairs.catalogue import PublishedPair, PublishedPairs
from w1bench_server.sandbox.scorer import Scorer
from w1bench_server.settings import Settings
from w1bench_server.submissions.bodies import Bodies
from w1bench_server.submissions.quota import quota_of
from w1bench_server.submissions.redaction import redacted
from w1bench_server.submissions.reveals import check_unchanged, record_reveal
from w1bench_server.submissions.uploads import Upload

_VERSION = version("w1bench")
Admit = Callable[[Connection], None]  # raises where a submission may not be recorded


@dataclass(frozen=True)
class _New:
    """A submission that was not made before, and what must hold when it is recorded."""

    pair: PublishedPair
    submitted: Submitted
    admit: Admit


@dataclass(frozen=True)
class Submissions:
    """The parts of the service that a received upload goes through."""

    settings: Settings
    pairs: PublishedPairs
    ledger: Ledger
    jobs: Jobs
    bodies: Bodies
    scorer: Scorer

    async def submit(
        self, name: str, upload: Upload, *, method: str, user: str, key: str | None, admit: Admit, said: Metadata
    ) -> tuple[Record | Job, bool]:
        """The record of a submission to the pair of a name, or the job that scores it, and whether it is new.

        `admit` raises where the user may not submit any more.

        Raises:
            NotPublishedError: there is no such pair any more.
            SubmissionError: it cannot be scored, or the pair was revealed.
            KeyReusedError: `key` was used before with other content.
            ProblemError: 429, when the user's quota of today is used up; as `check_name`.
        """
        begun = await run_in_threadpool(self._begin, name, upload, method, user, key, admit, said)
        if not isinstance(begun, _New):
            return begun, False
        pair, submitted, admit_new = begun.pair, begun.submitted, begun.admit
        large = upload.bytes > self.settings.job_bytes
        if pair.manifest.state is PairState.SEALED and not large:  # the client learns at once what cannot be scored
            await self.scorer.check(pair.folder, upload.path, client=Client(user, known=True))
        if pair.manifest.state is PairState.SEALED or large:
            return await run_in_threadpool(self._queue, submitted, pair, upload.path, admit_new, key)
        return await score_and_record(
            submitted, pair, upload.path, scorer=self.scorer, bodies=self.bodies, ledger=self.ledger, key=key, admit=admit_new
        )  # fmt: skip

    def _begin(
        self, name: str, upload: Upload, method: str, user: str, key: str | None, admit: Admit, said: Metadata
    ) -> Record | Job | _New:
        """The record or job of the same content, or a new submission that may be scored."""
        pair = self.pairs.get(name)  # it may have changed while the body was on its way
        record_reveal(self.ledger, pair)
        submitted = Submitted(
            uuid4().hex, pair.name, pair.digest, method, user, upload.sha256, upload.bytes, metadata=said.given()
        )
        quota = quota_of(self.settings, user, pair)

        def admit_new(connection: Connection) -> None:
            admit(connection)
            check_unchanged(connection, self.pairs, pair)
            check_name(self.ledger, connection, submitted)
            quota.check(connection)

        same = content(submitted)
        with writing(self.ledger.engine) as connection:
            if before := known_record(connection, same, key) or known_job(connection, same.user, same.digest, key):
                return before
            admit_new(connection)
            return _New(pair, submitted, admit_new)

    def _queue(
        self, submitted: Submitted, pair: PublishedPair, body: Path, admit: Admit, key: str | None
    ) -> tuple[Job, bool]:
        """The job that scores a submission; its body is kept before the job is there."""
        job = new_job(
            "sealed" if pair.manifest.state is PairState.SEALED else "score", identity=submitted.id, user=submitted.user,
            pair=submitted.pair, content=content(submitted).digest, document=json.dumps(asdict(submitted)),
        )  # fmt: skip
        created = False
        self.bodies.check_folder()
        try:
            self.bodies.keep_waiting(body, job.id)
            job, created = self.jobs.add(job, key=key, admit=admit)
            return job, created
        finally:
            if not created:
                self.bodies.forget_waiting(submitted.id)


async def score_and_record(
    submitted: Submitted,
    pair: PublishedPair,
    body: Path,
    *,
    scorer: Scorer,
    bodies: Bodies,
    ledger: Ledger,
    admit: Admit,
    key: str | None = None,
) -> tuple[Record, bool]:
    """The record of a submission whose body is here, and whether it is new; `admit` raises where it may not be recorded.

    The row comes last: where it is, the body is. Of a score on a sealed pair it holds the redacted card alone; when the pair is
    revealed, it is scored again (see `rescoring`).

    Raises:
        SubmissionError: it cannot be scored, or the pair was revealed.
        UnreachableError: its body cannot be kept.
    """
    scored = await scorer.score(pair.folder, body, client=Client(submitted.user, known=True))
    card, resampled = (
        (redacted(scored.card), None) if pair.manifest.state is PairState.SEALED else (scored.card, scored.resampled)
    )
    entry = Entry(**asdict(submitted), submitted_at=now(), scorer=_VERSION, scorecard=card.model_dump_json())

    def record() -> tuple[Record, bool]:
        with (
            ledger.engine.connect() as connection
        ):  # a look without the lock, because a body without a row stays until the next start
            admit(connection)
        bodies.check_folder()
        bodies.keep(body, submitted.sha256)
        return ledger.append(entry, resampled=resampled, key=key, admit=admit)

    return await run_in_threadpool(record)


def check_name(ledger: Ledger, connection: Connection, submitted: Submitted) -> None:
    """Check that the name of a submission's method is new, or its user's own.

    Raises:
        ProblemError: 409, where it belongs to another user, or to the reference rows.
    """
    owner = ledger.snapshot(connection).owner(submitted.method)
    if owner not in (None, submitted.user):
        raise _taken("a reference row has" if owner == REFERENCE_USER else "another user's method has")


def check_no_reference(ledger: Ledger, method: str) -> None:
    """Check that a method's name is not that of a reference row, which no user may take.

    Raises:
        ProblemError: 409, as `check_name`.
    """
    if ledger.snapshot().owner(method) == REFERENCE_USER:
        raise _taken("a reference row has")


def _taken(whose: str) -> ProblemError:
    return ProblemError(
        409,
        f"This method's name is one that {whose}, or looks like it; give it another name, e.g. with your own after it.",
        pointer="#/query/method",
    )
