"""The schemas of submissions."""

from typing import Literal

from w1bench.diagnostics.findings.sentences import Finding
from w1bench.scoring.scorecard import Scorecard
from w1bench_server.ledger.records import Record
from w1bench_server.pairs.catalogue import PublishedPairs
from w1bench_server.web.api.schemas.base import Part
from w1bench_server.web.findings import findings_of


class Validation(Part):
    """A body that could be submitted: its arrays and their shapes, and what is wrong with its critic in words, the cause first.

    `findings`, which come first, are null where the pair is sealed, or the body so large that a job would score it.
    """

    findings: list[Finding] | None
    pair: str
    pair_digest: str
    sha256: str
    bytes: int
    arrays: dict[str, list[int]]


class Retracted(Part):
    """The retraction of a submission: by whom and why."""

    at: str
    user: str
    reason: str


class Said(Part):
    """What a submission says of itself; null where it says nothing."""

    seed: int | None = None
    paper: str | None = None
    code: str | None = None
    description: str | None = None
    steps: int | None = None
    data: Literal["train", "fresh"] | None = None
    seconds: float | None = None
    hardware: str | None = None
    parameters: int | None = None
    trains: bool | None = None
    knows_family: bool | None = None
    penalty_weight: float | None = None
    batch: int | None = None
    receptive_field: int | None = None
    native_value: float | None = None
    own_value: float | None = None
    curve: str | None = None


class SubmissionRow(Part):
    """A recorded submission; `url` is its page, `earlier_scorecards` are those of older metric versions, `findings` what is wrong with its critic in
    words, the cause first.

    While its pair is sealed, scorecards have a rounded cosine without interval, and null for all else, and there are no findings.
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
    findings: list[Finding]
    earlier_scorecards: list[Scorecard]
    reference: bool
    metadata: Said
    retraction: Retracted | None


class SubmissionPage(Part):
    """A page of a pair's submissions, the oldest first; `next` is the cursor of the following one."""

    submissions: list[SubmissionRow]
    next: str | None


def submission_row(record: Record, origin: str, pairs: PublishedPairs) -> SubmissionRow:
    """The row of a submission to one of these pairs."""
    return SubmissionRow.of(
        record.entry,
        url=page_of(record, origin),
        metadata=Said(**record.entry.metadata),
        scorecard=record.score.card,
        findings=findings_of(record, pairs),
        earlier_scorecards=[score.card for score in record.scores[:-1]],
        retraction=Retracted.of(record.retraction) if record.retraction else None,
    )


def page_of(record: Record, origin: str) -> str:
    return f"{origin}/submissions/{record.entry.id}"
