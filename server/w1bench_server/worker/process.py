"""Work: a worker, a process that does jobs until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.util import find_spec
from uuid import uuid4

from dbos import error
from fastapi.concurrency import contextmanager_in_threadpool
from sqlalchemy.exc import SQLAlchemyError

from w1bench.archive.catalogue import published
from w1bench.archive.commitment import REVEAL
from w1bench.archive.manifest import PairState
from w1bench.errors import InputError, MissingExtraError, W1BenchError
from w1bench_server import logs
from w1bench_server.database import connection as database
from w1bench_server.jobs.job import QUEUES, SCORING
from w1bench_server.jobs.table import Jobs
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.pairs.published import PublishedPairs
from w1bench_server.sandbox import canaries
from w1bench_server.sandbox import scorer as scoring
from w1bench_server.sandbox.scorer import Scorer
from w1bench_server.settings import Settings
from w1bench_server.submissions.bodies import Bodies
from w1bench_server.worker.liveness import Living
from w1bench_server.worker.queue import listening, tend
from w1bench_server.worker.runner import Doing

_TEND_SECONDS = 0.5
_GRACE_SECONDS = 5  # for what is being scored when it is told to stop
_LAST_SECONDS = 20.0  # after which it ends whatever holds it
_NEEDED = ("torch", "numba", "threadpoolctl")  # to build
_log = logging.getLogger(__name__)


def main() -> None:
    """A server's worker: its settings are the first line of standard input, and it is to stop when that is closed."""
    line = sys.stdin.buffer.readline()
    if not line:
        return  # the server is gone already
    settings = Settings.model_validate_json(line)
    try:
        work(settings, announce=logging.getLogger(__name__).info, closed=sys.stdin.buffer.read)
    except W1BenchError as error:
        _log.error("%s", error)
        sys.exit(error.code)


def work(
    settings: Settings,
    queues: Sequence[str] = (),
    *,
    announce: Callable[[str], object] = print,
    closed: Callable[[], object] | None = None,
) -> None:
    """Do jobs of these queues, by default of those that it can, until SIGINT or SIGTERM, or until `closed` returns.

    Raises:
        InputError: there is no such queue, the truth for it is missing, or the database cannot be used.
        MissingExtraError: what builds is not installed.
        PairError: the archive is no folder.
        CheckFailedError: the scorer gets canaries wrong.
        UnreachableError: the database went away.
    """
    chosen = tuple(queues) or _own_queues(settings)
    if unknown := sorted(set(chosen) - set(QUEUES)):
        raise InputError(f"There is no queue {unknown[0]!r}; there are: {', '.join(QUEUES)}.")
    if "build" in chosen and not _can_build():
        raise MissingExtraError(
            "Building needs more than is installed; install w1bench with its extra `torch` (in a checkout: pip install "
            "'.[torch]'), or leave --queue build out."
        )
    if "sealed" in chosen and settings.truth is None:
        raise InputError(
            "Scores on sealed pairs need their truth; give its folder by --truth, or leave --queue sealed out."
        )
    logs.configure(settings.log_level)
    if "build" in chosen:
        settings.archive.mkdir(parents=True, exist_ok=True)
    published(settings.archive)
    if "sealed" in chosen:
        _say_what_is_missing(settings)
    asyncio.run(_work(settings, chosen, announce, closed))


def _say_what_is_missing(settings: Settings) -> None:
    for pair in PublishedPairs(settings.archive).all():
        if (
            pair.manifest.state is PairState.SEALED
            and settings.truth
            and not (settings.truth / pair.name / REVEAL).is_file()
        ):
            _log.warning(
                "the truth of %s is not in %s: submissions to it are left to other workers", pair.name, settings.truth
            )


def _own_queues(settings: Settings) -> tuple[str, ...]:
    """What a worker does by default: with the truth, what nobody else can; else all that it can."""
    if settings.truth is not None:
        return ("sealed",)
    return ("build", "score") if _can_build() else ("score",)


def _can_build() -> bool:
    return all(find_spec(name) for name in _NEEDED)


async def _work(
    settings: Settings, queues: Sequence[str], announce: Callable[[str], object], closed: Callable[[], object] | None
) -> None:
    name, stop, loop = uuid4().hex, _told_to_stop(closed), asyncio.get_running_loop()
    at_once = {queue: settings.workers if queue in SCORING else 1 for queue in queues}
    async with _scorer(settings, needed=not {*SCORING}.isdisjoint(queues)) as scorer:
        with database.opened(settings) as engine:
            living, jobs = Living(engine, settings.data / "workers"), Jobs(engine)
            with living.born(name) as check:
                bodies = Bodies(settings.data, settings.bodies_url, scratch=living.folder / name)
                doing = Doing(settings, jobs, bodies, Ledger(engine), scorer, loop)
                hands = listening(settings, name, at_once, doing.do, grace=_GRACE_SECONDS)
                async with contextmanager_in_threadpool(hands):
                    announce(f"w1bench working on {' and '.join(queues)}")
                    sys.stdout.flush()  # whoever reads a pipe waits for this line
                    try:
                        await _repeat(stop, check, partial(tend, jobs, living, queues, name=name, has=doing.has))
                    finally:
                        doing.stop()
                        _end_at_last()
                await asyncio.to_thread(doing.hand_back)


async def _repeat(stop: asyncio.Event, check: Callable[[], None], tend: Callable[[], None]) -> None:
    while not stop.is_set():
        await asyncio.to_thread(check)
        try:
            await asyncio.to_thread(tend)
        except (SQLAlchemyError, error.DBOSException) as trouble:
            _log.warning("jobs cannot be handed over at the moment: %s", trouble)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _TEND_SECONDS)


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
    canaries.check_scorer()
    async with scoring.started(settings) as scorer:
        yield scorer


def _end_at_last() -> None:
    """End this process in a while, should a library hold it."""
    timer = threading.Timer(_LAST_SECONDS, os._exit, (1,))
    timer.daemon = True
    timer.start()
