"""Scoring: a bounded pool of worker processes; a file that kills its worker is refused, and nobody else notices."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from prometheus_client import Counter

from w1bench.archive.commitment import check_apart
from w1bench.errors import SubmissionError
from w1bench.scoring.score import Scored
from w1bench_server.clients import HOUSE, Client, Turns
from w1bench_server.errors import busy, disk_full
from w1bench_server.sandbox import scoring_process as worker
from w1bench_server.sandbox.jail import Limits
from w1bench_server.sandbox.scoring_process import Job, NoJail, NoRoom, Outcome, Refusal, Shapes
from w1bench_server.settings import Settings

T = TypeVar("T")
REFUSED = Counter(
    "w1bench_uploads_refused",
    "Uploads that could not be scored, by cause: content, or what ended the process that read them.",
    ["cause"],
    registry=None,  # each service's `monitoring` shows it
)
_log = logging.getLogger(__name__)
# Never fork: a copy of a process with threads is broken, and the worker must not see the server's memory.
_SPAWN = multiprocessing.get_context("spawn")


@asynccontextmanager
async def started(settings: Settings) -> AsyncGenerator[Scorer]:
    """A scorer whose first worker is on its way; its processes end with it. Where the settings have `truth`, it scores on sealed pairs.

    Raises:
        InputError: the truth lies where others read.
    """
    if settings.truth is not None:
        check_apart(settings.truth, settings.archive, settings.data)
    reader, writer = _SPAWN.Pipe(duplex=False)

    def pool(workers: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            workers, mp_context=_SPAWN, initializer=worker.begin, initargs=(reader, settings.worker_bytes)
        )

    scorer = Scorer(settings, pool)
    try:
        yield scorer
    finally:
        writer.close()  # ends all workers, also those in the middle of a job
        scorer.close()
        reader.close()


def score_sealed(truth: Path, pair_folder: Path, upload: Path, settings: Settings) -> Scored:
    """The full scorecard of an upload on a sealed pair, from what folder `truth` keeps back; for a process apart from the web's.

    Raises:
        PairError: the truth of the pair is not there.
        CheckFailedError: it is not what was committed to.
        SubmissionError: the upload cannot be scored.
        InputError: `truth` lies where others read.
    """

    async def score() -> Scored:
        async with started(settings.model_copy(update={"truth": truth, "workers": 1})) as scorer:
            return await scorer.score(pair_folder, upload)

    return asyncio.run(score())


class Scorer:
    """Runs jobs in `settings.workers` processes, and lets `settings.waiting` more wait, each client in its turn."""

    def __init__(self, settings: Settings, new_pool: Callable[[int], ProcessPoolExecutor]) -> None:
        self._settings, self._new_pool = settings, new_pool
        self._pool = new_pool(settings.workers)
        self._turns = Turns(settings.workers, settings.waiting, "submissions")
        self._begun: list[float] = []  # when each job came that waits or runs, the oldest first
        self._alone = asyncio.Lock()

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def warm(self) -> None:
        """Wait until a worker is there."""
        await self._run(worker.ready)

    async def check(self, pair_folder: Path, upload: Path, *, client: Client = HOUSE) -> Shapes:
        """The arrays of an upload; raises as `score`."""
        return await self._refusing(worker.check, self._job(pair_folder, upload), client)

    async def score(self, pair_folder: Path, upload: Path, *, client: Client = HOUSE) -> Scored:
        """The scorecard of an upload, with its resamples.

        Raises:
            SubmissionError: it cannot be scored, or its worker died or took too long over it.
            ProblemError: 503, when too many are waiting, or nothing can be started to read it; 507, when the disk has no room to unpack it.
        """
        with TemporaryDirectory(prefix="w1bench-") as folder:
            resampled = Path(folder) / "resampled"
            card = await self._refusing(worker.score, self._job(pair_folder, upload, resampled), client)
            return Scored(card, resampled.read_bytes())

    @property
    def pending(self) -> int:
        """Jobs that wait or run."""
        return len(self._begun)

    @property
    def oldest_seconds(self) -> float:
        """How long the job that came first has been waiting or running."""
        now = time.monotonic()
        return now - min(self._begun, default=now)

    def check_place(self, client: Client = HOUSE) -> None:
        """Raise a 503 if one more upload of `client` would have to be turned away."""
        self._turns.check(client)

    def _job(self, pair_folder: Path, upload: Path, resampled: Path | None = None) -> Job:
        settings = self._settings
        limits = Limits(settings.jail_bytes, settings.jail_cpu_seconds, settings.jail_seconds, settings.min_free_bytes)
        return Job(pair_folder, upload, settings.scoring_seconds, limits, settings.truth, resampled)

    async def _refusing(self, function: Callable[[Job], Outcome[T]], job: Job, client: Client) -> T:
        async with self._turn(client):
            outcome = await self._run(function, job)
        if isinstance(outcome, NoRoom):
            raise disk_full()
        if isinstance(outcome, NoJail):
            _log.error("an upload was turned away: %s", outcome.reason)
            raise busy("The service could not start a process to read the file; send it again in a while.")
        if isinstance(outcome, Refusal):
            REFUSED.labels(outcome.cause).inc()
            raise SubmissionError(outcome.reason)
        return outcome

    async def _run(self, function: Callable[..., T], *arguments: Job) -> T:
        """In the pool; when a worker died, it may have been another's: then once more, in a process of its own."""
        pool = self._pool
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, function, *arguments)
        except BrokenProcessPool:
            if self._pool is pool:
                self._pool = self._new_pool(self._settings.workers)
                pool.shutdown(wait=False)
        async with self._alone:
            pool = self._new_pool(1)
            try:
                return await asyncio.get_running_loop().run_in_executor(pool, function, *arguments)
            except BrokenProcessPool:
                REFUSED.labels("worker").inc()
                raise SubmissionError(
                    "The process that read the file died, or took longer than "
                    f"{self._settings.scoring_seconds:g} s; write the file again, without compression."
                ) from None
            finally:
                pool.shutdown(wait=False)

    @asynccontextmanager
    async def _turn(self, client: Client) -> AsyncGenerator[None]:
        begun = time.monotonic()
        self._begun.append(begun)
        try:
            async with self._turns.turn(client):
                yield
        finally:
            self._begun.remove(begun)
