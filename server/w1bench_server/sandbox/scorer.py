"""The scorer: a bounded pool of processes that score uploads; a file that kills its process is refused, and no other is affected."""

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
from w1bench_server.admission_control import HOUSE, Client, Turns
from w1bench_server.errors import busy, disk_full
from w1bench_server.sandbox import scoring_process
from w1bench_server.sandbox.confinement import account_of
from w1bench_server.sandbox.hdf5_jail import Jail, Limits, NoJailError
from w1bench_server.sandbox.scoring_process import NoJail, NoRoom, Outcome, Refusal, ScoringTask, Shapes
from w1bench_server.sandbox.syscalls import make_unreadable
from w1bench_server.settings import Settings

T = TypeVar("T")
REFUSED = Counter(
    "w1bench_uploads_refused",
    "Uploads that could not be scored, by cause: content, or what ended the process that read them.",
    ["cause"],
    registry=None,  # the registry of each service's `Monitor` includes it
)
_log = logging.getLogger(__name__)
# Never fork: a copy of a process with threads is broken, and the scoring process must not see the server's memory.
_SPAWN = multiprocessing.get_context("spawn")


def check_jail(settings: Settings) -> None:
    """Make sure that the jail of these settings can be had.

    Raises:
        InputError: there is no user for it.
        NoJailError: a layer is missing that is required.
    """
    account = account_of(settings.jail_user)
    if settings.jail_required:
        jail = Jail(account, required=settings.jail_required)
        try:
            _ = jail.layers
        finally:
            jail.close()


@asynccontextmanager
async def started(settings: Settings) -> AsyncGenerator[Scorer]:
    """A scorer whose processes end with the block. It scores sealed pairs too where the settings have `truth`.

    From then on, other processes of this one's user cannot read its memory.

    Raises:
        InputError: the truth lies in the archive or the data, or there is no user for the jail.
    """
    make_unreadable()
    account = account_of(settings.jail_user)
    if settings.truth is not None:
        check_apart(settings.truth, settings.archive, settings.data)
    reader, writer = _SPAWN.Pipe(duplex=False)

    def pool(processes: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            processes,
            mp_context=_SPAWN,
            initializer=scoring_process.begin,
            initargs=(reader, settings.worker_bytes, account, settings.jail_required),
        )

    scorer = Scorer(settings, pool)
    try:
        yield scorer
    finally:
        writer.close()  # ends all processes, also those that are scoring
        scorer.close()
        reader.close()


class Scorer:
    """A pool of `settings.scoring_processes` processes, for which `settings.waiting` more uploads may wait, each client in its turn."""

    def __init__(self, settings: Settings, new_pool: Callable[[int], ProcessPoolExecutor]) -> None:
        self._settings, self._new_pool = settings, new_pool
        self._pool = new_pool(settings.scoring_processes)
        self._turns = Turns(settings.scoring_processes, settings.waiting, "submissions")
        self._begun: list[float] = []  # when each pending upload came, the oldest first
        self._single = asyncio.Lock()
        self.layers: tuple[str, ...] = ()  # that confine the jail, as `warm` has found

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def warm(self) -> None:
        """Wait until a process and its jail are ready.

        Raises:
            NoJailError: no process for HDF5 uploads can be started, or one lacks a layer that is required.
        """
        layers = await self._run(scoring_process.ready)
        if isinstance(layers, NoJail):
            raise NoJailError(layers.reason)
        self.layers = layers

    async def check(self, pair_folder: Path, upload: Path, *, client: Client = HOUSE) -> Shapes:
        """The arrays of an upload; raises as `score`."""
        return await self._outcome(scoring_process.check, self._task(pair_folder, upload), client)

    async def score(self, pair_folder: Path, upload: Path, *, client: Client = HOUSE) -> Scored:
        """The scorecard of an upload, with its resamples.

        Raises:
            SubmissionError: it cannot be scored, or the process that read it died or took too long.
            ProblemError: 503 when too many are waiting, or no process can be started to read it; 507 when the disk has no room to unpack it.
        """
        with TemporaryDirectory(prefix="w1bench-") as folder:
            resampled = Path(folder) / "resampled"
            card = await self._outcome(scoring_process.score, self._task(pair_folder, upload, resampled), client)
            plane = scoring_process.plane_beside(resampled).read_text(encoding="ascii") or None
            return Scored(card.model_copy(update={"plane": plane}), resampled.read_bytes())

    @property
    def pending(self) -> int:
        """The number of uploads that wait or are scored."""
        return len(self._begun)

    @property
    def oldest_seconds(self) -> float:
        """How long the oldest pending upload has been waiting or scored."""
        now = time.monotonic()
        return now - min(self._begun, default=now)

    def check_place(self, client: Client = HOUSE) -> None:
        """Raise a 503 if there is no place for another upload of `client`."""
        self._turns.check(client)

    def _task(self, pair_folder: Path, upload: Path, resampled: Path | None = None) -> ScoringTask:
        settings = self._settings
        limits = Limits(settings.jail_bytes, settings.jail_cpu_seconds, settings.jail_seconds, settings.min_free_bytes)
        return ScoringTask(pair_folder, upload, settings.scoring_seconds, limits, settings.truth, resampled)

    async def _outcome(self, function: Callable[[ScoringTask], Outcome[T]], task: ScoringTask, client: Client) -> T:
        async with self._turn(client):
            outcome = await self._run(function, task)
        if isinstance(outcome, NoRoom):
            raise disk_full()
        if isinstance(outcome, NoJail):
            _log.error("no process could be started for an upload: %s", outcome.reason)
            raise busy("The service could not start a process to read the file; send it again later.")
        if isinstance(outcome, Refusal):
            REFUSED.labels(outcome.cause).inc()
            raise SubmissionError(outcome.reason)
        return outcome

    async def _run(self, function: Callable[..., T], *arguments: ScoringTask) -> T:
        """The result of a function in the pool; where a process died, perhaps over another's file, in one of its own."""
        pool = self._pool
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, function, *arguments)
        except BrokenProcessPool:
            if self._pool is pool:
                self._pool = self._new_pool(self._settings.scoring_processes)
                pool.shutdown(wait=False)
        async with self._single:
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
