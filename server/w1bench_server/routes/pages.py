"""Pages: plain HTML for people, complete without a script."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from starlette.responses import Response

from w1bench import pages
from w1bench.metrics import METRICS
from w1bench_server.leaderboard import HEADLINE, RANKING, Standing, standings
from w1bench_server.problems import ProblemError
from w1bench_server.routes import read
from w1bench_server.service import Here

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

SHOWN = ("cos", "l2", "dev")  # the headline, and what stands beside it

_templates = Jinja2Templates([Path(__file__).parents[1] / "templates", pages.TEMPLATES])  # its own first
_CONSTANTS: dict[str, Any] = {"metrics": METRICS, "shown": SHOWN, "ranking": RANKING}

Order = Annotated[Literal["cos", "l2"], Query()]


@read(router, "/")
def home_page(request: Request, here: Here, metric: Order = HEADLINE) -> Response:
    """The boards of all pairs."""
    boards: dict[str, list[Standing]] = {}
    for standing in standings(here.ledger.rows(), metric=metric):
        boards.setdefault(standing.row.entry.pair, []).append(standing)
    published = [pair.name for pair in here.pairs.all()]
    return _page(request, "home.html", boards=boards, published=published, metric=metric)


@read(router, "/pairs/{name}")
def pair_page(request: Request, here: Here, name: str, metric: Order = HEADLINE) -> Response:
    """A pair: its figures, files and board."""
    pair = here.pairs.get(name)
    board = standings(here.ledger.rows(pair=name), metric=metric)
    return _page(request, "pair.html", pair=pair, manifest=pair.manifest, board=board, metric=metric)


@read(router, "/submissions/{id}")
def submission_page(request: Request, here: Here, id: str) -> Response:  # noqa: A002 - its name in the address
    """A scorecard."""
    row = here.ledger.find(id)
    if row is None:
        raise ProblemError(404, "There is no submission of this id; the page / lists the best ones.")
    return _page(request, "submission.html", entry=row.entry, card=row.card)


def _page(request: Request, template: str, **context: Any) -> Response:
    return _templates.TemplateResponse(request, template, _CONSTANTS | context)
