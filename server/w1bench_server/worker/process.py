"""The worker: a process that does jobs of its queues until it is told to stop."""

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from uuid import uuid4

from sqlalchemy.exc import SQLAlchemyError

from w1bench.archive.catalogue import published
from w1bench.archive.commitment import REVEAL
from w1bench.errors import InputError, MissingExtraError, W1BenchError
from w1bench_server import logs
from w1bench_server.database import connection as database
from w1bench_server.jobs.job import QUEUES, SCORING
from w1bench_server.jobs.queue import Jobs
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.pairs.catalogue import PublishedPairs
from w1bench_server.sandbox import canaries
from w1bench_server.sandbox import scorer as scoring
from w1bench_server.sandbox.scorer import Scorer
from w1bench_server.sandbox.syscalls import make_unreadable
from w1bench_server.settings import Settings
from w1bench_server.submissions.bodies import Bodies
from w1bench_server.threads import in_thread
from w1bench_server.worker.consumer import Consumer
from w1bench_server.worker.data_location import data_location
from w1bench_server.worker.liveness import Liveness
from w1bench_server.worker.runner import JobRunner

BUILD_LIBRARIES = ("torch", "numba", "threadpoolctl")
_HEARTBEAT_SECONDS = 0.5
_GRACE_SECONDS = 5  # for what is being scored when it is told to stop
_LAST_SECONDS = 20.0  # after which it ends even if a library still holds it
_log = logging.getLogger(__name__)


def main() -> None:
    """Run a server's own worker: the first line of standard input is its settings, and closing it stops the worker."""
    line = sys.stdin.buffer.readline()
    if not line:
        return  # the server is gone already
    settings = Settings.model_validate_json(line)
    try:
        work(settings, announce=logging.getLogger(__name__).info, closed=sys.stdin.buffer.read, begun=True)
    except W1BenchError as error:
        _log.error("%s", error)
        sys.exit(error.code)


def work(
    settings: Settings,
    queues: Sequence[str] = (),
    *,
    announce: Callable[[str], object] = print,
    closed: Callable[[], object] | None = None,
    begun: bool = False,
    libraries: Sequence[str] = BUILD_LIBRARIES,
) -> None:
    """Do jobs of `queues`, by default of all that this worker can serve, until SIGINT or SIGTERM, or until `closed` returns.

    It makes a data folder and a database where there is none, unless the service has `begun`.

    Raises:
        InputError: there is no such queue, the truth for it is missing, or the database cannot be used.
        MissingExtraError: one of the `libraries` that building needs is not installed.
        PairError: the archive is not a folder.
        CheckFailedError: the scorer gets canaries wrong.
        UnreachableError: the connection to the database was lost.
    """
    can_build = all(find_spec(name) for name in libraries)
    chosen = tuple(queues) or _default_queues(settings, can_build=can_build)
    if unknown := sorted(set(chosen) - set(QUEUES)):
        raise InputError(f"There is no queue {unknown[0]!r}; there are: {', '.join(QUEUES)}.")
    if "build" in chosen and not can_build:
        raise MissingExtraError(
            "Building needs more than is installed; install w1bench with its extra `torch` (in a checkout: pip install "
            "'.[torch]'), or leave --queue build out."
        )
    if "sealed" in chosen and settings.truth is None:
        raise InputError(
            "Scores on sealed pairs need their truth; give its folder by --truth, or leave --queue sealed out."
        )
    logs.configure(settings.log_level)
    make_unreadable()
    if "build" in chosen:
        settings.archive.mkdir(parents=True, exist_ok=True)
    published(settings.archive)
    if "sealed" in chosen:
        _warn_of_missing_truth(settings)
    asyncio.run(_work(settings, chosen, announce, closed, begun=begun))


def _warn_of_missing_truth(settings: Settings) -> None:
    for pair in PublishedPairs(settings.archive).all():
        if pair.is_sealed and settings.truth and not (settings.truth / pair.name / REVEAL).is_file():
            _log.warning(
                "the truth of %s is not in %s: submissions to it are left to other workers", pair.name, settings.truth
            )


def _default_queues(settings: Settings, *, can_build: bool) -> tuple[str, ...]:
    """With the truth, only what no other worker can serve; else everything that this one can."""
    if settings.truth is not None:
        return ("sealed",)
    return ("build", "score") if can_build else ("score",)


async def _work(
    settings: Settings, queues: Sequence[str], announce: Callable[[str], object], closed: Callable[[], object] | None,
    *, begun: bool,
) -> None:  # fmt: skip
    name, told, loop, stopping = uuid4().hex, _told_to_stop(closed), asyncio.get_running_loop(), threading.Event()
    slots = {queue: settings.scoring_processes if queue in SCORING else 1 for queue in queues}
    async with _scorer(settings, needed=not {*SCORING}.isdisjoint(queues)) as scorer:
        if not begun:
            settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (database.existing if begun else database.opened)(settings) as engine:
            liveness, jobs = Liveness(engine, settings.data / "workers"), Jobs(engine)
            with liveness.register(name) as check:
                location = data_location(settings, liveness.folder / name)
                bodies = Bodies(settings.data, settings.bodies_url, scratch=liveness.folder / name)
                runner = JobRunner(settings, jobs, bodies, Ledger(engine), scorer, loop, stopping, location)
                consumer = Consumer(jobs, liveness, location, name, settings.job_attempts)
                consumed = consumer.consumed(runner.run, slots, stopping, grace=_GRACE_SECONDS)
                async with in_thread(consumed):
                    announce(f"w1bench working on {' and '.join(queues)}")
                    sys.stdout.flush()  # whoever reads a pipe waits for this line
                    try:
                        await _heartbeat(told, check, consumer)
                    finally:
                        stopping.set()
                        _exit_after_a_while()
                await asyncio.to_thread(runner.hand_back)


async def _heartbeat(stop: asyncio.Event, check: Callable[[], None], consumer: Consumer) -> None:
    """Until told to stop: make sure that this worker is still taken to be alive, and find those that are not."""
    while not stop.is_set():
        await asyncio.to_thread(check)
        try:
            await asyncio.to_thread(consumer.find_dead)
        except SQLAlchemyError as error:
            if consumer.location.is_unchanged():
                _log.warning("dead workers cannot be looked for at the moment: %s", error)
        except OSError:
            if consumer.location.is_unchanged():
                raise
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _HEARTBEAT_SECONDS)


def _told_to_stop(closed: Callable[[], object] | None) -> asyncio.Event:
    """An event that is set by SIGINT, SIGTERM, or the return of `closed`."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def wait() -> None:
        assert closed is not None
        closed()
        loop.call_soon_threadsafe(stop.set)

    if closed is not None:
        threading.Thread(target=wait, daemon=True).start()
    return stop


@asynccontextmanager
async def _scorer(settings: Settings, *, needed: bool) -> AsyncGenerator[Scorer | None]:
    if not needed:
        yield None
        return
    scoring.check_jail(settings)
    canaries.check_scorer()
    async with scoring.started(settings) as scorer:
        yield scorer


def _exit_after_a_while() -> None:
    """Exit even if a library keeps this process from ending."""
    timer = threading.Timer(_LAST_SECONDS, os._exit, (1,))
    timer.daemon = True
    timer.start()
