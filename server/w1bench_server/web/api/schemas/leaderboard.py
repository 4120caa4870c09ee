"""The schemas of the leaderboard and of comparisons."""

from collections.abc import Callable
from functools import cache, partial

from w1bench.diagnostics.findings.sentences import Finding
from w1bench.diagnostics.record import PairDiagnosis
from w1bench.scoring.scorecard import Diagnosis, Interval
from w1bench_server.leaderboard.comparison import Difference
from w1bench_server.leaderboard.parts import BoardPart
from w1bench_server.leaderboard.ranking import Standing
from w1bench_server.ledger.records import Record
from w1bench_server.pairs.catalogue import PublishedPairs
from w1bench_server.web.api.schemas.base import Part
from w1bench_server.web.api.schemas.submissions import Retracted, Said, page_of
from w1bench_server.web.findings import diagnosis_of, findings_with


class BoardRow(Part):
    """The newest submission of a method and user on a pair. It has no rank without the metric; `tied`: with others by noise alone.

    `tries` counts the submissions of that method and user to the pair, this one and those that were retracted included. With `seeds` above 1 the
    metrics are means over so many, with intervals over seeds and test points together. `truth`: it holds the stored truth, and does not rank.
    `findings` say what is wrong with its critic, the cause first.
    """

    rank: int | None
    tied: bool
    pair: str
    method: str
    user: str
    id: str
    url: str
    submitted_at: str
    reference: bool
    tries: int
    seeds: int
    truth: bool
    metadata: Said
    metrics: dict[str, Interval | None]
    diagnosis: Diagnosis | None
    findings: list[Finding]


class RetractedRow(Part):
    """A submission that no longer ranks."""

    pair: str
    method: str
    user: str
    id: str
    url: str
    retraction: Retracted


class MethodRow(Part):
    """A method's mean rank over the pairs of the track or family that it entered, and its mean skill over families with the worst one beside it.

    One that entered fewer pairs than there are has no rank, and comes after those that entered all. Controls count in no mean.
    """

    rank: int | None
    method: str
    user: str
    mean_rank: float
    pairs: int
    skill: float | None
    families: int
    worst_family: str | None
    worst_skill: float | None


class Board(Part):
    """A page of the leaderboard up to row `as_of` of the ledger; `next` is the cursor of the following one.

    The methods come first, where a track or a family was chosen, and then one pair after the other: its rows, and what was retracted.
    """

    metric: str
    track: str | None
    family: str | None
    as_of: int
    rows: list[BoardRow]
    methods: list[MethodRow] | None
    retracted: list[RetractedRow]
    next: str | None


class Comparison(Part):
    """Two submissions to one pair. A metric that cannot be compared is null, with the reason in `missing`."""

    pair: str
    pair_digest: str
    a: str
    b: str
    metrics: dict[str, Difference | None]
    missing: dict[str, str]


def board(
    part: BoardPart, metric: str, origin: str, pairs: PublishedPairs, *, following: str | None, track: str | None = None,
    family: str | None = None,
) -> Board:  # fmt: skip
    """The answer with a part of the leaderboard; `following` is the cursor of the next."""
    diagnosed = cache(partial(diagnosis_of, pairs))  # once a pair, not once a row
    return Board(
        metric=metric,
        track=track,
        family=family,
        as_of=part.as_of,
        rows=[_board_row(standing, origin, diagnosed) for standing in part.standings],
        methods=None if track is None and family is None else [MethodRow.of(average) for average in part.methods],
        retracted=[_retracted_row(record, origin) for record in part.retracted],
        next=following,
    )


def compared(a: Record, b: Record, differences: dict[str, Difference | None], missing: dict[str, str]) -> Comparison:
    """The answer with the differences of two submissions."""
    return Comparison.of(a.entry, a=a.entry.id, b=b.entry.id, metrics=differences, missing=missing)


def _board_row(standing: Standing, origin: str, diagnosed: Callable[[str, str], PairDiagnosis | None]) -> BoardRow:
    return BoardRow.of(
        standing.record.entry,
        rank=standing.rank,
        tied=standing.tied,
        tries=standing.tries,
        url=page_of(standing.record, origin),
        seeds=len(standing.records),
        truth=standing.is_truth,
        metadata=Said(**standing.record.entry.metadata),
        metrics=dict(standing.metrics),
        diagnosis=standing.card.diagnosis,
        findings=findings_with(standing.record, diagnosed),
    )


def _retracted_row(record: Record, origin: str) -> RetractedRow:
    return RetractedRow.of(record.entry, url=page_of(record, origin), retraction=Retracted.of(record.retraction))
