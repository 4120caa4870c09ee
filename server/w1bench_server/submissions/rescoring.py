"""Rescoring: a background task that scores submissions again, after a new metric version or the reveal of their pair.

One after the other, as soon as the service has started or the pair is revealed.
"""

import asyncio
import logging
from importlib.metadata import version

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from w1bench.errors import W1BenchError
from w1bench.scoring.metrics import METRIC_VERSION
from w1bench_server.database.times import now
from w1bench_server.errors import ProblemError
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.ledger.records import Record, Rescore
from w1bench_server.pairs.catalogue import PublishedPairs
from w1bench_server.sandbox.scorer import Scorer
from w1bench_server.submissions.bodies import Bodies
from w1bench_server.submissions.reveals import record_reveal
from w1bench_server.threads import in_thread

_PATIENCE_SECONDS = 5.0  # until it asks a busy scorer again
_LOOK_SECONDS = 2.0  # between two looks for what is due
_log = logging.getLogger(__name__)


async def keep_current(ledger: Ledger, bodies: Bodies, pairs: PublishedPairs, scorer: Scorer) -> None:
    """Score again what is out of date, until cancelled. What cannot be scored keeps its score until the next start; the log says why."""
    given_up = set[str]()
    due = [record for record in await _records(ledger) if not is_current(record)]
    while True:
        for record in due:
            if record.entry.reference or record.entry.id in given_up:
                continue
            try:
                await _rescore(record, ledger, bodies, pairs, scorer)
            except (W1BenchError, SQLAlchemyError, OSError) as error:
                given_up.add(record.entry.id)
                _log.warning("submission %s keeps its score: %s", record.entry.id, error)
        await asyncio.sleep(_LOOK_SECONDS)
        try:
            due = [record for record in await _records(ledger) if record.score.resamples is None]
        except SQLAlchemyError as error:
            _log.warning("cannot look for submissions to score again: %s", error)


async def _records(ledger: Ledger) -> list[Record]:
    return list((await run_in_threadpool(ledger.records)).values())


def is_current(record: Record) -> bool:
    """Whether a record was scored by the present metric version, with resamples that it can be compared by."""
    return record.score.resamples is not None and record.score.card.metric_version >= METRIC_VERSION


async def _rescore(record: Record, ledger: Ledger, bodies: Bodies, pairs: PublishedPairs, scorer: Scorer) -> None:
    entry = record.entry
    pair = await run_in_threadpool(pairs.get, entry.pair)
    if pair.digest != entry.pair_digest:
        raise W1BenchError(f"the pair {entry.pair} was built again since.")
    if pair.is_sealed:
        return  # until it is revealed
    await run_in_threadpool(record_reveal, ledger, pair)
    async with in_thread(bodies.borrowed(entry.sha256)) as body:
        while True:
            try:
                scored = await scorer.score(pair.folder, body)
                break
            except ProblemError:  # the queue is full
                await asyncio.sleep(_PATIENCE_SECONDS)
    event = Rescore(entry.id, now(), version("w1bench"), scored.card.model_dump_json())
    await run_in_threadpool(ledger.rescore, event, resampled=scored.resampled)
