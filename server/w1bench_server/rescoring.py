"""Rescoring: after a start, submissions that no present metric version scored are scored again, one after the other."""

from __future__ import annotations

import asyncio
import logging
from importlib.metadata import version

from fastapi.concurrency import contextmanager_in_threadpool
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from w1bench.errors import W1BenchError
from w1bench.metrics import METRIC_VERSION
from w1bench_server.bodies import Bodies
from w1bench_server.ledger import Ledger, now
from w1bench_server.pairs import PublishedPairs
from w1bench_server.problems import ProblemError
from w1bench_server.records import Record, Rescore
from w1bench_server.scoring import Scorer

_PATIENCE_SECONDS = 5.0  # until uploads leave the scorer a place

_log = logging.getLogger(__name__)


async def rescore_all(ledger: Ledger, bodies: Bodies, pairs: PublishedPairs, scorer: Scorer) -> None:
    """Score again what needs it. What cannot be scored keeps the score it has, and the log says why."""
    for record in (await run_in_threadpool(ledger.records)).values():
        if record.entry.reference or is_current(record):
            continue
        try:
            await _rescore(record, ledger, bodies, pairs, scorer)
        except (W1BenchError, SQLAlchemyError, OSError) as error:
            _log.warning("submission %s keeps its score: %s", record.entry.id, error)


def is_current(record: Record) -> bool:
    """Whether the present metric version scored it, and it can be compared."""
    return record.score.resamples is not None and record.score.card.metric_version >= METRIC_VERSION


async def _rescore(record: Record, ledger: Ledger, bodies: Bodies, pairs: PublishedPairs, scorer: Scorer) -> None:
    entry = record.entry
    pair = await run_in_threadpool(pairs.get, entry.pair)
    if pair.digest != entry.pair_digest:
        raise W1BenchError(f"the pair {entry.pair} was made anew since.")
    async with contextmanager_in_threadpool(bodies.borrowed(entry.sha256)) as body:
        while True:
            try:
                scored = await scorer.score(pair.folder, body)
                break
            except ProblemError:  # the queue is full
                await asyncio.sleep(_PATIENCE_SECONDS)
    event = Rescore(entry.id, now(), version("w1bench"), scored.card.model_dump_json())
    await run_in_threadpool(ledger.rescore, event, resampled=scored.resampled)
