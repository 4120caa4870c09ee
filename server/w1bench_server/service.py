"""Service: what the routes act on, opened when the server starts and closed when it stops."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from w1bench_server import canaries, database, fixity, scoring
from w1bench_server.boards import Boards
from w1bench_server.bodies import Bodies
from w1bench_server.events import Streams
from w1bench_server.feedback import Feedback
from w1bench_server.fixity import Fixity
from w1bench_server.jobs import SCORING, Jobs, submitted_of
from w1bench_server.ledger import Ledger, bodies_of
from w1bench_server.pairs import PublishedPairs
from w1bench_server.problems import ProblemError
from w1bench_server.references import record_references
from w1bench_server.rescoring import keep_current
from w1bench_server.scoring import Scorer
from w1bench_server.settings import Settings

_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")


@dataclass(frozen=True)
class Service:
    """A running service."""

    settings: Settings
    pairs: PublishedPairs
    bodies: Bodies
    ledger: Ledger
    feedback: Feedback
    jobs: Jobs
    streams: Streams
    boards: Boards
    scorer: Scorer
    fixity: Fixity


@asynccontextmanager
async def running(settings: Settings) -> AsyncGenerator[Service]:
    """The service of `settings`, with a worker ready and the leftovers of a killed server removed.

    Raises:
        CheckFailedError: the scorer gets canaries wrong.
        InputError: the results of reference runs are none.
    """
    canaries.check_scorer()
    with database.opened(settings) as engine:
        pairs, bodies = PublishedPairs(settings.archive), Bodies(settings.data, settings.bodies_url)
        ledger, jobs = Ledger(engine), Jobs(engine)
        bodies.sweep(_needed(jobs, ledger))
        record_references(settings.references, ledger, bodies, pairs)
        async with scoring.started(settings) as scorer:
            await scorer.warm()
            rescoring = asyncio.create_task(keep_current(ledger, bodies, pairs, scorer))
            try:
                with fixity.watched(
                    settings.archive, seconds=settings.fixity_seconds, bytes_per_second=settings.fixity_bytes_per_second
                ) as watched:
                    feedback, streams = Feedback(ledger, pairs), Streams(jobs, settings.events_seconds)
                    yield Service(
                        settings, pairs, bodies, ledger, feedback, jobs, streams, Boards(feedback), scorer, watched
                    )
            finally:
                rescoring.cancel()
                await asyncio.wait([rescoring])


def _needed(jobs: Jobs, ledger: Ledger) -> set[str]:
    """The names of bodies that must stay: those of jobs are looked up first, for meanwhile a worker may make rows of them."""
    waiting = [submitted_of(job) for job in jobs.open(SCORING)]
    return {name for each in waiting for name in (each.id, each.sha256)} | bodies_of(ledger.rows())


def _service(request: Request) -> Service:
    return request.state.service


Here = Annotated[Service, Depends(_service)]


def _origin(request: Request, here: Here) -> str:
    if here.settings.public_url:
        return here.settings.public_url
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        raise ProblemError(400, "The Host header is not well formed; leave it to your HTTP client.")
    return f"{request.scope['scheme']}://{host}"


# Where the client sees the service: the beginning of absolute URLs.
Origin = Annotated[str, Depends(_origin)]
