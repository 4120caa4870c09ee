"""Submitting: a received upload becomes a row: known already, or scored, kept and recorded, in that order."""

from __future__ import annotations

from importlib.metadata import version
from uuid import uuid4

from starlette.concurrency import run_in_threadpool

from w1bench.errors import SubmissionError
from w1bench_server.ledger import Content, now
from w1bench_server.pairs import PublishedPair
from w1bench_server.problems import busy
from w1bench_server.quota import Quota
from w1bench_server.records import Entry, Record
from w1bench_server.service import Service
from w1bench_server.settings import Settings
from w1bench_server.uploads import Upload


async def submit(
    service: Service, pair: PublishedPair, upload: Upload, *, method: str, user: str, key: str | None
) -> tuple[Record, bool]:
    """The record of a submission, and whether it is a new one. The row comes last: where it is, the body is.

    Raises:
        SubmissionError: it cannot be scored, or the pair was revealed.
        KeyReusedError: `key` came before with other content.
        ProblemError: 429, when the user's quota of today is used up; 503, when nobody here can score it.
    """
    content = Content(user, pair.digest, method, upload.sha256)
    if known := await run_in_threadpool(service.ledger.known, content, key=key):
        return known, False
    quota = _quota(service.settings, user, pair)
    await run_in_threadpool(quota.look, service.ledger.engine)
    if pair.manifest.is_secret:
        raise busy("This pair is sealed: a process apart scores submissions to it, and there is none here.")
    if pair.manifest.sealed:
        raise SubmissionError(
            "This pair was sealed, and its truth is known now: the round is over. Score it with w1bench score."
        )
    scored = await service.scorer.score(pair.folder, upload.path)
    entry = Entry(
        id=uuid4().hex,
        pair=pair.name,
        pair_digest=pair.digest,
        method=method,
        user=user,
        sha256=upload.sha256,
        bytes=upload.bytes,
        submitted_at=now(),
        scorer=version("w1bench"),
        scorecard=scored.card.model_dump_json(),
    )
    await run_in_threadpool(service.bodies.keep, upload.path, upload.sha256)
    return await run_in_threadpool(service.ledger.append, entry, resampled=scored.resampled, key=key, admit=quota.check)


def _quota(settings: Settings, user: str, pair: PublishedPair) -> Quota:
    """Of a sealed pair, how often its truth may be asked about."""
    if pair.manifest.is_secret:
        return Quota(user, settings.sealed_submissions, pair.name)
    return Quota(user, settings.daily_submissions)
