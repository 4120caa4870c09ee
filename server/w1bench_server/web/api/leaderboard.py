"""The leaderboard as JSON or CSV, now or at an earlier time, and the comparison of two submissions."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from w1bench.scoring.metrics import HEADLINE, METRICS
from w1bench_server.errors import ProblemError
from w1bench_server.leaderboard.boards import AsOf
from w1bench_server.leaderboard.comparison import difference
from w1bench_server.leaderboard.ranking import averages
from w1bench_server.service import Service
from w1bench_server.web.api.leaderboard_csv import as_csv
from w1bench_server.web.api.schemas.leaderboard import Board, Comparison, board, compared
from w1bench_server.web.api.schemas.parameters import MetricName, PairName, Track
from w1bench_server.web.dependencies import Origin, ServiceDep, read

router = APIRouter(prefix="/v1", tags=["leaderboard"])
_CSV = {200: {"model": Board, "content": {"text/csv": {"schema": {"type": "string"}}}}}
_LARGEST_DIM = 2**63 - 1
Identity = Annotated[str, Query(max_length=64, description="A submission's id.")]


@read(router, "/leaderboard", response_model=Board, responses=_CSV)
def get_leaderboard(
    service: ServiceDep,
    origin: Origin,
    pair: PairName | None = None,
    track: Track = None,
    dim: Annotated[int | None, Query(ge=1, le=_LARGEST_DIM, description="Only pairs of this dimension.")] = None,
    metric: MetricName = HEADLINE,
    as_of: Annotated[
        str | None,
        Query(
            max_length=40,
            description="Show the board as it was after this row of the ledger, or at this time (ISO 8601).",
        ),
    ] = None,
    form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Board | Response:
    """The best row of each method and user on each pair, or on some. Only cos and l2 rank; else ranks are those by cos."""
    view = service.boards.view(metric=metric, pairs=_chosen(service, pair, track, dim), as_of=_prefix(as_of))
    methods = averages(view.standings) if track else None
    shown = board(view, metric, origin, track=track, methods=methods)
    return shown if form == "json" else Response(as_csv(shown), media_type="text/csv")


@read(router, "/compare", responses={404: {}})
def compare_submissions(service: ServiceDep, a: Identity, b: Identity) -> Comparison:
    """Two submissions to one pair, metric by metric: their difference over the same resamples of its test points."""
    first, second = service.public_records.find(a), service.public_records.find(b)
    if first.entry.pair_digest != second.entry.pair_digest:
        raise ProblemError(
            422, "These submissions are to different pairs; give two to the same one.", pointer="#/query/b"
        )
    x, y = (service.boards.opened(record.score) for record in (first, second))
    return compared(first, second, {metric: difference(x, y, metric) for metric in METRICS})


def _chosen(service: Service, pair: str | None, track: str | None, dim: int | None) -> set[str] | None:
    """The names of the pairs in a request; None for all pairs that have submissions."""
    if pair is not None:
        service.pairs.get(pair)
    if track is None and dim is None:
        return None if pair is None else {pair}
    return {
        each.name
        for each in service.pairs.all()
        if pair in (None, each.name) and dim in (None, each.manifest.dim) and track in (None, *each.tracks)
    }


def _prefix(as_of: str | None) -> AsOf:
    if as_of is None:
        return None
    if re.fullmatch(r"[0-9]{1,15}", as_of):
        return int(as_of)
    try:
        time = datetime.fromisoformat(re.sub(r"(T.*) ", r"\1+", as_of))  # a + that was not escaped arrives as a space
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ProblemError(
            422,
            "as_of is neither a row of the ledger nor a time; give a number, or ISO 8601 such as 2030-01-31T12:00:00Z.",
            pointer="#/query/as_of",
        ) from None
