"""Doing: what a worker does with a job that it is handed."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from functools import partial
from threading import Event

from fastapi.concurrency import contextmanager_in_threadpool
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from w1bench.errors import W1BenchError
from w1bench_server.errors import as_problem
from w1bench_server.jobs.job import CANCELLED, SCORING, Ended, Job, Progress, submitted_of
from w1bench_server.jobs.table import Jobs, still_running
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.pairs.published import PublishedPairs
from w1bench_server.sandbox.scorer import Scorer
from w1bench_server.sandbox.scoring_process import NoTruthError
from w1bench_server.settings import Settings
from w1bench_server.submissions.bodies import Bodies, MissingBodyError
from w1bench_server.submissions.submit import score_and_record
from w1bench_server.worker.build_job import build_pair, discard

_MAY_PASS = (503, 507)
_BACK_OFF_SECONDS = 0.25  # before the first attempt that follows one that failed; doubled each time
_NO_BODY = "Its body is not where the worker looks for it; tell the operator to give all workers the servers' W1BENCH_BODIES_URL."
_PATIENCE_SECONDS = 2.0  # with a job that another worker has the truth for
_APOLOGY = "The service failed, which is its own fault; tell the operator this job's id."
_log = logging.getLogger(__name__)


class _CancelledError(W1BenchError):
    """The job was cancelled, or is no longer this worker's."""


@dataclass(frozen=True)
class Doing:
    """A worker's hands. Scores are computed by `scorer`, in the event loop that it was started in."""

    settings: Settings
    jobs: Jobs
    bodies: Bodies
    ledger: Ledger
    scorer: Scorer | None
    loop: asyncio.AbstractEventLoop
    _stopping: Event = field(default_factory=Event)
    _under_way: dict[str, Job | None] = field(default_factory=dict[str, Job | None])

    def has(self, identity: str) -> bool:
        """Whether a job is under way."""
        return identity in self._under_way

    def stop(self) -> None:
        """Break off builds, and hand them back."""
        self._stopping.set()

    def hand_back(self) -> None:
        """Hand back whatever is still under way."""
        for job in list(self._under_way.values()):
            if job is not None:
                self.jobs.hand_back(job)

    def do(self, identity: str) -> None:
        """Begin a job and see it to its end; left open, it is handed to a worker again. Then remove what it leaves behind."""
        self._under_way[identity] = None
        try:
            self._do(identity, self.settings.job_attempts)
        finally:
            del self._under_way[identity]

    def _do(self, identity: str, most: int) -> None:
        job = self.jobs.begin(identity, most=most)
        if job.state == "running":
            self._under_way[identity] = job
            ended = self._attempt(job)
            if ended is None:
                return
            if ended.again and job.attempts < most:
                self._stopping.wait(_BACK_OFF_SECONDS * 2**job.attempts)
                return
            job = self.jobs.end(job, ended)
        if not job.is_open:
            self._tidy(job)

    def _attempt(self, job: Job) -> Ended | None:
        """How an attempt ended; None where it was broken off."""
        try:
            if job.queue == "build":
                return build_pair(job, self.settings, partial(self._advance, job))
            if job.cancelling:
                return Ended("cancelled", CANCELLED)
            return asyncio.run_coroutine_threadsafe(self._score(job), self.loop).result()
        except _CancelledError:
            return None if self.jobs.advance(job, job.progress) is None else Ended("cancelled", CANCELLED)
        except NoTruthError as error:
            _log.error("job %s is left to a worker with the truth of %s: %s", job.id, job.pair, error)
            self.jobs.hand_back(job)
            self._stopping.wait(_PATIENCE_SECONDS)
            return None
        except Exception:  # noqa: BLE001 - whatever happens, the job ends
            _log.exception("job %s", job.id)
            return Ended("failed", _APOLOGY, again=True)

    def _advance(self, job: Job, progress: Progress) -> Job | None:
        if self._stopping.is_set():
            self.jobs.hand_back(job)
            return None
        return self.jobs.advance(job, progress)

    async def _score(self, job: Job) -> Ended:
        assert self.scorer is not None
        submitted = submitted_of(job)
        try:
            pair = await run_in_threadpool(PublishedPairs(self.settings.archive).get, submitted.pair)
            if pair.digest != submitted.pair_digest:
                return Ended("failed", f"The pair {pair.name} was made anew since; submit to it again.")
            async with contextmanager_in_threadpool(self.bodies.borrowed(submitted.sha256, job=job.id)) as body:
                record, _ = await score_and_record(
                    submitted, pair, body, scorer=self.scorer, bodies=self.bodies, ledger=self.ledger,
                    admit=partial(_admit, job),
                )  # fmt: skip
        except (_CancelledError, NoTruthError):
            raise
        except MissingBodyError as error:
            _log.warning("job %s: %s", job.id, error)
            return Ended("failed", _NO_BODY, again=True)  # another worker may have it
        except W1BenchError as error:
            refused = as_problem(error)
            _log.warning("job %s: %s", job.id, error)
            return Ended("failed", str(refused), again=refused.status in _MAY_PASS)
        return Ended("succeeded", result=record.entry.id)

    def _tidy(self, job: Job) -> None:
        if job.queue in SCORING:
            self.bodies.forget_waiting(job.id)
        elif job.state != "succeeded":
            discard(job, self.settings)


def _admit(job: Job, connection: Connection) -> None:
    """Let a submission be recorded only as long as its job is to go on."""
    current = still_running(connection, job)
    if current is None or current.cancelling:
        raise _CancelledError(CANCELLED)
