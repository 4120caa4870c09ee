"""The parts of a running service that the endpoints use: opened when the server starts, closed when it stops."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import Engine

from w1bench.errors import UnreachableError
from w1bench_server.database import connection as database
from w1bench_server.database.identity import find_identity, make_identity
from w1bench_server.jobs.job import SCORING, submitted_of
from w1bench_server.jobs.queue import Jobs
from w1bench_server.leaderboard.boards import Boards
from w1bench_server.ledger.ledger import Ledger, bodies_of
from w1bench_server.pairs.catalogue import PublishedPairs
from w1bench_server.pairs.fixity import Fixity
from w1bench_server.sandbox import canaries
from w1bench_server.sandbox import scorer as scoring
from w1bench_server.sandbox.scorer import Scorer
from w1bench_server.settings import Settings
from w1bench_server.submissions.bodies import Bodies, Reach
from w1bench_server.submissions.redaction import PublicRecords
from w1bench_server.submissions.references import record_references
from w1bench_server.submissions.rescoring import keep_current
from w1bench_server.submissions.reveals import record_reveals
from w1bench_server.submissions.submit import Submissions

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Service:
    """The parts of a running service."""

    settings: Settings
    pairs: PublishedPairs
    bodies: Bodies
    reach: Reach
    ledger: Ledger
    public_records: PublicRecords
    jobs: Jobs
    submissions: Submissions
    boards: Boards
    scorer: Scorer
    fixity: Fixity


@asynccontextmanager
async def running(settings: Settings) -> AsyncGenerator[Service]:
    """The service of `settings`, with a scoring process ready and the leftovers of a killed server removed.

    Raises:
        CheckFailedError: the scorer gets canaries wrong.
        InputError: the bodies belong to another database, or the results of the reference runs cannot be read.
    """
    async with scoring.started(settings) as scorer, _warmed(scorer) as warm:
        canaries.check_scorer()
        with database.opened(settings) as engine:
            pairs, bodies = PublishedPairs(settings.archive), Bodies(settings.data, settings.bodies_url)
            ledger, jobs = Ledger(engine), Jobs(engine)
            needed = _needed(jobs, ledger)
            _match(engine, bodies, needed)
            bodies.sweep(needed)
            record_references(settings.references, ledger, bodies, pairs)
            record_reveals(ledger, pairs)
            await warm
            rescoring = asyncio.create_task(keep_current(ledger, bodies, pairs, scorer))
            try:
                rate = settings.fixity_bytes_per_second
                with Fixity(settings.archive, seconds=settings.fixity_seconds, bytes_per_second=rate) as fixity:
                    records = PublicRecords(ledger, pairs)
                    submissions = Submissions(settings, pairs, ledger, jobs, bodies, scorer)
                    boards = Boards(records)
                    reach = Reach(bodies)
                    yield Service(
                        settings, pairs, bodies, reach, ledger, records, jobs, submissions, boards, scorer, fixity,
                    )  # fmt: skip
            finally:
                rescoring.cancel()
                await asyncio.wait([rescoring])


@asynccontextmanager
async def _warmed(scorer: Scorer) -> AsyncGenerator[asyncio.Task[None]]:
    """The task that waits for a scoring process, which starts while the block does other work."""
    task = asyncio.create_task(scorer.warm())
    await asyncio.sleep(0)  # the task asks for the process
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


def _match(engine: Engine, bodies: Bodies, needed: set[str]) -> None:
    """Check that database and bodies belong to each other; when they meet for the first time, they do from now on."""
    with engine.connect() as connection:
        service = find_identity(connection)
    try:
        bodies.check_owner(service, needed)
        bodies.set_owner(make_identity(engine))
    except UnreachableError as error:  # until it is reached, submissions are answered with 503
        _log.warning("whose bodies these are cannot be checked: %s", error)


def _needed(jobs: Jobs, ledger: Ledger) -> set[str]:
    """The names of the bodies that must stay. Jobs are read before the ledger, because a worker may turn one into a row meanwhile."""
    waiting = [submitted_of(job) for job in jobs.open(SCORING)]
    return {name for each in waiting for name in (each.id, each.sha256)} | bodies_of(ledger.rows())
