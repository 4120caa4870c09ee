"""Wire: what the service says over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import Header, Query
from pydantic import BaseModel, ConfigDict

from w1bench.metrics import METRICS
from w1bench.scorecard import Diagnosis, Interval, Scorecard
from w1bench_server.boards import View
from w1bench_server.comparison import Difference
from w1bench_server.jobs import Job
from w1bench_server.leaderboard import HEADLINE, Average, Standing
from w1bench_server.pairs import PublishedPair
from w1bench_server.records import Record

# What rows are ordered by, what a method may be called (a letter or digit first, so that no spreadsheet takes it for a
# formula), and what names a request that may be sent twice.
MetricName = Annotated[str, Query(pattern=f"^({'|'.join(METRICS)})$", description="What rows are ordered by.")]
Method = Annotated[
    str,
    Query(
        pattern=r"^[A-Za-z0-9]([ -~]{0,62}[!-~])?$",
        description="Its name on the leaderboard: 1 to 64 printable ASCII characters, beginning with a letter or digit.",
    ),
]
PairName = Annotated[str, Query(max_length=64, description="A published pair's name.")]
IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", pattern=r"^[!-~]{1,128}$", description="The same key gives the same row."),
]
Track = Annotated[
    Literal["hd", "ball", "images", "open", "sealed"] | None,
    Query(description="Only pairs of this kind, and the methods by the mean of their ranks on them."),
]
Reason = Annotated[
    str,
    Query(
        pattern=r"^[^\x00-\x1f\x7f]{1,500}$", description="Why, in a line of up to 500 characters that all may read."
    ),
]
DEFAULT_METRIC = HEADLINE
JobQueue = Literal["build", "score", "sealed"]
JobState = Literal["queued", "running", "succeeded", "failed", "cancelled"]

_RESULTS = {"build": "/v1/pairs/", "score": "/v1/submissions/", "sealed": "/v1/submissions/"}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class PairEntry(_Part):
    """A pair in the list; `digest` is what scores are of. Of a sealed pair, W1 and the number of funnels are null until it is revealed."""

    name: str
    version: int
    track: str
    shape: list[int]
    dim: int
    funnels: int | None
    power: float
    w1: float | None
    w1_stderr: float | None
    sizes: dict[str, int]
    bytes: int
    sealed: bool
    revealed: bool
    digest: str


class PairPage(_Part):
    """A page of the list; `next` is the cursor of the following one."""

    pairs: list[PairEntry]
    next: str | None


class CertifiedFigure(_Part):
    """A figure of the certificate: it holds when `value` is at most `limit`."""

    name: str
    value: float
    limit: float
    meaning: str
    holds: bool


class Certificate(_Part):
    """The proofs of a pair, as computed when it was built; `w1bench verify` computes them again."""

    pair: str
    pair_digest: str
    figures: list[CertifiedFigure]


class Validation(_Part):
    """What a submission would be: its arrays and their shapes."""

    pair: str
    pair_digest: str
    sha256: str
    bytes: int
    arrays: dict[str, list[int]]


class Retracted(_Part):
    """That a submission was taken back, by whom and why."""

    at: str
    user: str
    reason: str


class SubmissionRow(_Part):
    """A recorded submission; `url` is its page, `earlier_scorecards` are those of older metric versions.

    While its pair is sealed, scorecards have a rounded cosine without interval, and null for all else.
    """

    id: str
    url: str
    pair: str
    pair_digest: str
    method: str
    user: str
    sha256: str
    bytes: int
    submitted_at: str
    scorecard: Scorecard
    earlier_scorecards: list[Scorecard]
    reference: bool
    retraction: Retracted | None


class SubmissionPage(_Part):
    """A page of a pair's submissions, the oldest first; `next` is the cursor of the following one."""

    submissions: list[SubmissionRow]
    next: str | None


class BoardRow(_Part):
    """The best submission of a method and user on a pair; without the metric it has no rank. `tied`: others share it."""

    rank: int | None
    tied: bool
    pair: str
    method: str
    user: str
    id: str
    url: str
    submitted_at: str
    reference: bool
    metrics: dict[str, Interval | None]
    diagnosis: Diagnosis | None


class RetractedRow(_Part):
    """A submission that no longer ranks."""

    pair: str
    method: str
    user: str
    id: str
    url: str
    retraction: Retracted


class MethodRow(_Part):
    """A method over the pairs that it entered, of those chosen: the mean of its ranks."""

    rank: int
    method: str
    user: str
    mean_rank: float
    pairs: int


class Board(_Part):
    """The leaderboard up to row `as_of` of the ledger, one pair after the other; `methods` where a track was chosen."""

    metric: str
    track: str | None
    as_of: int
    rows: list[BoardRow]
    methods: list[MethodRow] | None
    retracted: list[RetractedRow]


class Comparison(_Part):
    """Two submissions to one pair. A metric that cannot be compared is null."""

    pair: str
    pair_digest: str
    a: str
    b: str
    metrics: dict[str, Difference | None]


class JobProgress(_Part):
    """How far a job is."""

    done: int
    total: int
    unit: str


class JobRow(_Part):
    """A job: what it is to do, how far it is, and what came of it; `result` is the address of its pair or submission."""

    id: str
    queue: JobQueue
    pair: str
    user: str
    state: JobState
    reason: str | None
    progress: JobProgress | None
    attempts: int
    created_at: str
    started_at: str | None
    ended_at: str | None
    result: str | None


class JobPage(_Part):
    """A page of the jobs, the newest first; `next` is the cursor of the following one."""

    jobs: list[JobRow]
    next: str | None


class Health(_Part):
    """That the service lives, or is ready."""

    status: str


def certificate(pair: PublishedPair) -> Certificate:
    """The certificate of a pair."""
    figures = [CertifiedFigure(**figure.model_dump(), holds=figure.holds) for figure in pair.manifest.certificate]
    return Certificate(pair=pair.name, pair_digest=pair.digest, figures=figures)


def submission_row(record: Record, origin: str) -> SubmissionRow:
    """A submission as the ledger tells it."""
    own = SubmissionRow.model_fields.keys() - {"url", "scorecard", "earlier_scorecards", "retraction"}
    return SubmissionRow(
        url=_page(record, origin),
        scorecard=record.score.card,
        earlier_scorecards=[score.card for score in record.scores[:-1]],
        retraction=_retracted(record) if record.retraction else None,
        **{name: getattr(record.entry, name) for name in own},
    )


def job_row(job: Job) -> JobRow:
    """A job as the database has it."""
    own = JobRow.model_fields.keys() - {"progress", "result"}
    return JobRow(
        progress=JobProgress(**asdict(job.progress)) if job.progress.total else None,
        result=_RESULTS[job.queue] + job.result if job.result else None,
        **{name: getattr(job, name) for name in own},
    )


def board(
    view: View, metric: str, origin: str, *, track: str | None = None, methods: list[Average] | None = None
) -> Board:
    """A view of the leaderboard by a metric."""
    return Board(
        metric=metric,
        track=track,
        as_of=view.as_of,
        rows=[_board_row(standing, origin) for standing in view.standings],
        methods=None if methods is None else [MethodRow(**asdict(average)) for average in methods],
        retracted=[_retracted_row(record, origin) for record in view.retracted],
    )


def compared(a: Record, b: Record, differences: dict[str, Difference | None]) -> Comparison:
    """The differences of two submissions."""
    entry = a.entry
    return Comparison(pair=entry.pair, pair_digest=entry.pair_digest, a=entry.id, b=b.entry.id, metrics=differences)


def _board_row(standing: Standing, origin: str) -> BoardRow:
    entry, card = standing.record.entry, standing.card
    return BoardRow(
        rank=standing.rank,
        tied=standing.tied,
        pair=entry.pair,
        method=entry.method,
        user=entry.user,
        id=entry.id,
        url=_page(standing.record, origin),
        submitted_at=entry.submitted_at,
        reference=entry.reference,
        metrics=card.metrics,
        diagnosis=card.diagnosis,
    )


def _retracted_row(record: Record, origin: str) -> RetractedRow:
    own = RetractedRow.model_fields.keys() - {"url", "retraction"}
    fields = {name: getattr(record.entry, name) for name in own}
    return RetractedRow(url=_page(record, origin), retraction=_retracted(record), **fields)


def _retracted(record: Record) -> Retracted:
    assert record.retraction is not None
    return Retracted(**{name: getattr(record.retraction, name) for name in Retracted.model_fields})


def _page(record: Record, origin: str) -> str:
    return f"{origin}/submissions/{record.entry.id}"
