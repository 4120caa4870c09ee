"""The badge: a picture of a method's mean rank, for its own page."""

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.templating import Jinja2Templates
from starlette.responses import Response

from w1bench_server.errors import ProblemError
from w1bench_server.leaderboard.ranking import averages
from w1bench_server.web.dependencies import ServiceDep, read

router = APIRouter(tags=["leaderboard"])
_MEDIA_TYPE = "image/svg+xml"
_HEADERS = {"Content-Security-Policy": "default-src 'none'", "Cache-Control": "max-age=300"}
_SVG = {200: {"content": {_MEDIA_TYPE: {"schema": {"type": "string"}}}, "description": "The picture."}}
_templates = Jinja2Templates(Path(__file__).with_name("templates"))


@read(router, "/badge/{method:path}.svg", response_class=Response, responses=_SVG)
def get_badge(request: Request, service: ServiceDep, method: str) -> Response:
    """The mean rank by cos of a method over the pairs that it entered; the name is its first user's, or a reference row's."""
    named = (method, service.ledger.snapshot().owner(method))
    average = next((row for row in averages(service.boards.view().standings) if (row.method, row.user) == named), None)
    if average is None:
        raise ProblemError(404, "No method of this name is on the leaderboard.")
    pairs = "1 pair" if average.pairs == 1 else f"{average.pairs} pairs"
    text = f"rank {average.mean_rank:.3g} on {pairs}"
    return _templates.TemplateResponse(request, "badge.svg", {"text": text}, headers=_HEADERS, media_type=_MEDIA_TYPE)
