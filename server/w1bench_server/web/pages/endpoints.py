"""The HTML pages: plain, and complete without a script."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from starlette.responses import Response

from w1bench.recipes.families import ASKS
from w1bench.scoring.metrics import HEADLINE, METRICS, RANKING, SHOWN
from w1bench.site import pages
from w1bench_server.leaderboard.parts import BoardPart, part
from w1bench_server.leaderboard.ranking import Standing
from w1bench_server.ledger.records import Record
from w1bench_server.service import Service
from w1bench_server.web.api.pagination import Cursor, Limit, check_limit, read_position, write_position
from w1bench_server.web.dependencies import ServiceDep, read
from w1bench_server.web.explanation import findings_of

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
_templates = Jinja2Templates([Path(__file__).with_name("templates"), pages.TEMPLATES])  # its own first
_CONSTANTS: dict[str, Any] = {"asks": ASKS, "metrics": METRICS, "shown": SHOWN, "ranking": RANKING}
Order = Annotated[Literal["cos", "l2"], Query()]


@read(router, "/")
def home_page(
    request: Request, service: ServiceDep, metric: Order = HEADLINE, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """The boards of all pairs, a part at a time."""
    found, context = _part(service, metric, limit, cursor)
    boards: dict[str, list[Standing]] = {}
    for standing in found.standings:
        boards.setdefault(standing.record.entry.pair, []).append(standing)
    retracted: dict[str, list[Record]] = {}
    for record in found.retracted:
        retracted.setdefault(record.entry.pair, []).append(record)
    published, entered = [pair.name for pair in service.pairs.all()], service.ledger.snapshot().pairs
    empty = [name for name in published if name not in entered]
    return _page(request, "home.html", boards=boards, retracted=retracted, published=published, empty=empty, **context)


@read(router, "/pairs/{name}")
def pair_page(
    request: Request,
    service: ServiceDep,
    name: str,
    metric: Order = HEADLINE,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """A pair: its figures, files and a part of its board."""
    pair = service.pairs.get(name)
    found, context = _part(service, metric, limit, cursor, pairs={name})
    context |= {"board": found.standings, "retracted": found.retracted}
    return _page(request, "pair.html", pair=pair, manifest=pair.manifest, **context)


@read(router, "/submissions/{id}")
def submission_page(request: Request, service: ServiceDep, id: str) -> Response:  # noqa: A002 - its name in the address
    """A scorecard."""
    record = service.public_records.find(id)
    context = {"entry": record.entry, "card": record.score.card, "retraction": record.retraction}
    context |= {"findings": findings_of(record, service.pairs)}
    return _page(request, "submission.html", **context)


def _part(
    service: Service, metric: str, limit: int, cursor: str | None, *, pairs: Collection[str] | None = None
) -> tuple[BoardPart, dict[str, Any]]:
    """A part of the leaderboard, and what a template needs to know of it."""
    check_limit(limit, "rows")
    start = read_position(cursor)
    view = service.boards.view(metric=metric, pairs=pairs, as_of=start and start.as_of)
    found = part(view, limit=limit, start=start)
    return found, {"metric": metric, "limit": limit, "continued": start is not None, "next": write_position(found.next)}


def _page(request: Request, template: str, **context: Any) -> Response:
    return _templates.TemplateResponse(request, template, _CONSTANTS | context)
