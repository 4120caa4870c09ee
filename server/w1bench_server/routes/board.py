"""The leaderboard as JSON or CSV."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from w1bench_server import wire
from w1bench_server.leaderboard import standings
from w1bench_server.routes import read
from w1bench_server.service import Here, Origin
from w1bench_server.sheet import sheet
from w1bench_server.wire import DEFAULT_METRIC, Board, MetricName, PairName

router = APIRouter(prefix="/v1", tags=["leaderboard"])

_CSV = {200: {"model": Board, "content": {"text/csv": {"schema": {"type": "string"}}}}}


@read(router, "/leaderboard", response_model=Board, responses=_CSV)
def get_leaderboard(
    here: Here,
    origin: Origin,
    pair: PairName | None = None,
    metric: MetricName = DEFAULT_METRIC,
    form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Board | Response:
    """The best row of each method and user on each pair, or on one. Only cos and l2 rank; else ranks are those by cos."""
    if pair is not None:
        here.pairs.get(pair)
    board = wire.board(standings(here.ledger.rows(pair=pair), metric=metric), metric, origin)
    return board if form == "json" else Response(sheet(board), media_type="text/csv")
