"""What a worker does with a job that it has claimed: score a submission or build a pair, and record how that ended."""

import asyncio
import logging
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from functools import partial
from threading import Event

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from w1bench.errors import W1BenchError
from w1bench_server.errors import as_problem
from w1bench_server.jobs.job import CANCELLED, SCORING, Ended, Job, Progress, submitted_of
from w1bench_server.jobs.queue import Jobs, still_running
from w1bench_server.ledger.ledger import Ledger, check_round
from w1bench_server.ledger.records import Submitted
from w1bench_server.pairs.catalogue import PublishedPair, PublishedPairs
from w1bench_server.sandbox.scorer import Scorer
from w1bench_server.sandbox.scoring_process import NoTruthError
from w1bench_server.settings import Settings
from w1bench_server.submissions.bodies import Bodies, MissingBodyError
from w1bench_server.submissions.reveals import check_unchanged, record_reveal
from w1bench_server.submissions.submit import check_name, score_and_record
from w1bench_server.threads import in_thread
from w1bench_server.worker.build_job import build_pair, discard
from w1bench_server.worker.data_location import DataLocation

_MAY_PASS = (503, 507)
_BACK_OFF_SECONDS = 0.25  # before the first attempt that follows one that failed; doubled each time
_NO_BODY = "Its body is not where the worker looks for it; tell the operator to give all workers the servers' W1BENCH_BODIES_URL."
_PATIENCE_SECONDS = 2.0  # before the next job, after one that another worker has the truth for
_APOLOGY = "The service failed, which is its own fault; tell the operator this job's id."
_log = logging.getLogger(__name__)


class _CancelledError(W1BenchError):
    """The job was cancelled, or this worker has lost it."""


@dataclass(frozen=True)
class JobRunner:
    """Runs a worker's jobs, several at once from different threads.

    `scorer` is used in the event loop `loop` that it was started in. Once `stopping` is set, builds are put back into the queue.
    """

    settings: Settings
    jobs: Jobs
    bodies: Bodies
    ledger: Ledger
    scorer: Scorer | None
    loop: asyncio.AbstractEventLoop
    stopping: Event
    location: DataLocation
    _running: dict[str, Job] = field(default_factory=dict[str, Job])

    def hand_back(self) -> None:
        """Put whatever is still running back into the queue, if that is there."""
        if self.location.is_unchanged():
            for job in list(self._running.values()):
                self.jobs.hand_back(job)

    def run(self, job: Job) -> None:
        """Run a claimed job to its end and remove what it leaves behind; a job that was broken off stays open."""
        if job.state == "running":
            job = self._run(job)
        if not job.is_open:
            self._clean_up(job)

    def _run(self, job: Job) -> Job:
        self._running[job.id] = job
        try:
            ended = self._attempt(job)
            if ended is None:
                return job
            if ended.again and job.attempts < self.settings.job_attempts:
                self.stopping.wait(_BACK_OFF_SECONDS * 2**job.attempts)
                self.jobs.retry(job)
                return job
            return self.jobs.end(job, ended)
        finally:
            del self._running[job.id]

    def _attempt(self, job: Job) -> Ended | None:
        """How an attempt ended; None if it was broken off."""
        try:
            if job.queue == "build":
                return build_pair(job, self.settings, partial(self._advance, job))
            if job.cancelling:
                return Ended("cancelled", CANCELLED)
            return asyncio.run_coroutine_threadsafe(self._score(job), self.loop).result()
        except CancelledError:  # this worker is ending, and has put the job back
            return None
        except _CancelledError:
            return None if self.jobs.advance(job, job.progress) is None else Ended("cancelled", CANCELLED)
        except NoTruthError as error:
            _log.error("job %s is left to a worker with the truth of %s: %s", job.id, job.pair, error)
            self.jobs.hand_back(job, last=True)
            self.stopping.wait(_PATIENCE_SECONDS)
            return None
        except Exception:  # noqa: BLE001 - whatever happens, the job ends
            if not self.location.is_unchanged():
                return None  # it is this thread's next one when the data are back
            _log.exception("job %s", job.id)
            return Ended("failed", _APOLOGY, again=True)

    def _advance(self, job: Job, progress: Progress) -> Job | None:
        if self.stopping.is_set():
            self.jobs.hand_back(job)
            return None
        return self.jobs.advance(job, progress)

    async def _score(self, job: Job) -> Ended:
        assert self.scorer is not None
        submitted = submitted_of(job)
        try:
            pairs = PublishedPairs(self.settings.archive)
            pair = await run_in_threadpool(pairs.get, submitted.pair)
            if pair.digest != submitted.pair_digest:
                return Ended("failed", f"The pair {pair.name} was made anew since; submit to it again.")
            await run_in_threadpool(self._check_round, pair)
            async with in_thread(self.bodies.borrowed(submitted.sha256, job=job.id)) as body:
                record, _ = await score_and_record(
                    submitted, pair, body, scorer=self.scorer, bodies=self.bodies, ledger=self.ledger,
                    admit=partial(self._admit, job, submitted, pairs, pair),
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

    def _admit(
        self, job: Job, submitted: Submitted, pairs: PublishedPairs, pair: PublishedPair, connection: Connection
    ) -> None:
        """Raise in the transaction that would record a submission, if its job was cancelled or lost, its pair has changed, or its name is taken."""
        check_unchanged(connection, pairs, pair)
        check_name(self.ledger, connection, submitted)
        current = still_running(connection, job)
        if current is None or current.cancelling:
            raise _CancelledError(CANCELLED)

    def _check_round(self, pair: PublishedPair) -> None:
        """Raise SubmissionError where the pair was revealed, before anything is scored."""
        record_reveal(self.ledger, pair)
        with self.ledger.engine.connect() as connection:
            check_round(connection, pair.digest)

    def _clean_up(self, job: Job) -> None:
        try:
            if job.queue in SCORING:
                self.bodies.forget_waiting(job.id)
            elif job.state != "succeeded":
                discard(job, self.settings)
        except Exception:  # noqa: BLE001 - it would be the next job for ever
            _log.exception("files of job %s are left", job.id)
        self.jobs.release(job)
