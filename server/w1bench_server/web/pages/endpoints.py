"""The HTML pages: plain, and complete without a script."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from starlette.responses import Response

from w1bench.scoring.metrics import HEADLINE, METRICS, RANKING, SHOWN
from w1bench.site import pages
from w1bench_server.leaderboard.ranking import Standing
from w1bench_server.ledger.records import Record
from w1bench_server.web.dependencies import ServiceDep, read

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
_templates = Jinja2Templates([Path(__file__).with_name("templates"), pages.TEMPLATES])  # its own first
_CONSTANTS: dict[str, Any] = {"metrics": METRICS, "shown": SHOWN, "ranking": RANKING}
Order = Annotated[Literal["cos", "l2"], Query()]


@read(router, "/")
def home_page(request: Request, service: ServiceDep, metric: Order = HEADLINE) -> Response:
    """The boards of all pairs."""
    view = service.boards.view(metric=metric)
    boards: dict[str, list[Standing]] = {}
    for standing in view.standings:
        boards.setdefault(standing.record.entry.pair, []).append(standing)
    retracted: dict[str, list[Record]] = {}
    for record in view.retracted:
        retracted.setdefault(record.entry.pair, []).append(record)
    context = {"boards": boards, "retracted": retracted, "published": [pair.name for pair in service.pairs.all()]}
    return _page(request, "home.html", metric=metric, **context)


@read(router, "/pairs/{name}")
def pair_page(request: Request, service: ServiceDep, name: str, metric: Order = HEADLINE) -> Response:
    """A pair: its figures, files and board."""
    pair = service.pairs.get(name)
    view = service.boards.view(metric=metric, pairs={name})
    context = {"board": view.standings, "retracted": view.retracted, "metric": metric}
    return _page(request, "pair.html", pair=pair, manifest=pair.manifest, **context)


@read(router, "/submissions/{id}")
def submission_page(request: Request, service: ServiceDep, id: str) -> Response:  # noqa: A002 - its name in the address
    """A scorecard."""
    record = service.public_records.find(id)
    context = {"entry": record.entry, "card": record.score.card, "retraction": record.retraction}
    return _page(request, "submission.html", **context)


def _page(request: Request, template: str, **context: Any) -> Response:
    return _templates.TemplateResponse(request, template, _CONSTANTS | context)
