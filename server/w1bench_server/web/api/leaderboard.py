"""The leaderboard as JSON or CSV, now or at an earlier time, and the comparison of two submissions."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from w1bench.scoring.metrics import HEADLINE, METRICS
from w1bench_server.errors import ProblemError
from w1bench_server.leaderboard.boards import AsOf
from w1bench_server.leaderboard.comparison import difference, reason
from w1bench_server.leaderboard.parts import part
from w1bench_server.leaderboard.ranking import averages
from w1bench_server.service import Service
from w1bench_server.web.api.leaderboard_csv import as_csv
from w1bench_server.web.api.pagination import Cursor, Limit, check_limit, read_position, write_position
from w1bench_server.web.api.schemas.leaderboard import Board, Comparison, board, compared
from w1bench_server.web.api.schemas.parameters import FamilyName, MetricName, PairName, Track
from w1bench_server.web.dependencies import Origin, ServiceDep, read

router = APIRouter(prefix="/v1", tags=["leaderboard"])
_CSV = {200: {"model": Board, "content": {"text/csv": {"schema": {"type": "string"}}}}}
_LARGEST_DIM = 2**63 - 1
Identity = Annotated[str, Query(max_length=64, description="A submission's id.")]


@read(router, "/leaderboard", response_model=Board, responses=_CSV)
def get_leaderboard(
    request: Request,
    service: ServiceDep,
    origin: Origin,
    pair: PairName | None = None,
    track: Track = None,
    family: FamilyName = None,
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
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """The newest row of each method and user on each pair, or on some, a page at a time. Only cos and l2 rank; else ranks are those by cos.

    All pages of a cursor show the board as it was at the first. As CSV, the next page is in the header Link.
    """
    check_limit(limit, "rows")
    start = read_position(cursor)
    until = start.as_of if start else _prefix(as_of)
    view = service.boards.view(metric=metric, pairs=_chosen(service, pair, track, family, dim), as_of=until)
    families = {each.name: each.manifest.family for each in service.pairs.all()} if track or family else {}
    methods = averages(view.standings, families) if families else []
    if (track or family) and form == "csv":
        view = replace(view, pairs=[])  # that table alone
    found = part(view, limit=limit, start=start, methods=methods)
    shown = board(
        found, metric, origin, service.pairs, following=write_position(found.next), track=track, family=family
    )
    if form == "json":  # written at once: the framework would check each row once more
        return Response(shown.model_dump_json(), media_type="application/json")
    following = {"Link": f'<{_next(request, shown.next)}>; rel="next"'} if shown.next else {}
    return Response(as_csv(shown), media_type="text/csv", headers=following)


@read(router, "/compare", responses={404: {}})
def compare_submissions(service: ServiceDep, a: Identity, b: Identity) -> Comparison:
    """Two submissions to one pair, metric by metric: their difference over the same resamples of its test points."""
    first, second = service.public_records.find(a), service.public_records.find(b)
    if first.entry.pair_digest != second.entry.pair_digest:
        raise ProblemError(
            422, "These submissions are to different pairs; give two to the same one.", pointer="#/query/b"
        )
    x, y = (service.boards.opened(record.score) for record in (first, second))
    named = ((first.entry.method, x), (second.entry.method, y))
    missing = {metric: why for metric in METRICS if (why := reason(*named, metric))}
    return compared(first, second, {metric: difference(x, y, metric) for metric in METRICS}, missing)


def _chosen(
    service: Service, pair: str | None, track: str | None, family: str | None, dim: int | None
) -> set[str] | None:  # fmt: skip
    """The names of the pairs in a request; None for all pairs that have submissions."""
    if pair is not None:
        service.pairs.get(pair)
    if track is None and family is None and dim is None:
        return None if pair is None else {pair}
    return {
        each.name
        for each in service.pairs.all()
        if pair in (None, each.name)
        and dim in (None, each.manifest.dim)
        and track in (None, *each.tracks)
        and family in (None, each.manifest.family)
    }


def _next(request: Request, cursor: str) -> str:
    """The relative address of the same request's next page."""
    return "?" + urlencode({**request.query_params, "cursor": cursor})


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
