"""Wire: what the service says over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Query
from pydantic import BaseModel, ConfigDict

from w1bench.metrics import METRICS
from w1bench.scorecard import Diagnosis, Interval, Scorecard
from w1bench_server.leaderboard import HEADLINE, Standing
from w1bench_server.ledger import Row
from w1bench_server.pairs import PublishedPair

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
DEFAULT_METRIC = HEADLINE


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class PairEntry(_Part):
    """A pair in the list; `digest` is what scores are of."""

    name: str
    version: int
    track: str
    shape: list[int]
    dim: int
    funnels: int
    power: float
    w1: float
    w1_stderr: float
    sizes: dict[str, int]
    bytes: int
    sealed: bool
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


class SubmissionRow(_Part):
    """A recorded submission; `url` is its page."""

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
    reference: bool


class BoardRow(_Part):
    """The best submission of a method and user on a pair; without the metric it has no rank."""

    rank: int | None
    pair: str
    method: str
    user: str
    id: str
    url: str
    submitted_at: str
    metrics: dict[str, Interval | None]
    diagnosis: Diagnosis


class Board(_Part):
    """The leaderboard, one pair after the other."""

    metric: str
    rows: list[BoardRow]


class Health(_Part):
    """That the service lives, or is ready."""

    status: str


def certificate(pair: PublishedPair) -> Certificate:
    """The certificate of a pair."""
    figures = [CertifiedFigure(**figure.model_dump(), holds=figure.holds) for figure in pair.manifest.certificate]
    return Certificate(pair=pair.name, pair_digest=pair.digest, figures=figures)


def submission_row(row: Row, origin: str) -> SubmissionRow:
    """A ledger's row."""
    shown = SubmissionRow.model_fields.keys() - {"url", "scorecard"}
    fields = {name: getattr(row.entry, name) for name in shown}
    return SubmissionRow(url=_page(row, origin), scorecard=row.card, **fields)


def board(standings: list[Standing], metric: str, origin: str) -> Board:
    """The standings by a metric."""
    return Board(metric=metric, rows=[_board_row(standing, origin) for standing in standings])


def _board_row(standing: Standing, origin: str) -> BoardRow:
    entry, card = standing.row.entry, standing.card
    return BoardRow(
        rank=standing.rank,
        pair=entry.pair,
        method=entry.method,
        user=entry.user,
        id=entry.id,
        url=_page(standing.row, origin),
        submitted_at=entry.submitted_at,
        metrics=card.metrics,
        diagnosis=card.diagnosis,
    )


def _page(row: Row, origin: str) -> str:
    return f"{origin}/submissions/{row.entry.id}"
