"""The badge: a picture of a method's mean rank, for its own page."""

from fastapi import APIRouter
from starlette.responses import Response

from w1bench.site.pages import environment
from w1bench_server.errors import ProblemError
from w1bench_server.leaderboard.ranking import averages
from w1bench_server.web.dependencies import ServiceDep, read

router = APIRouter(tags=["leaderboard"])
_MEDIA_TYPE = "image/svg+xml"
_HEADERS = {"Content-Security-Policy": "default-src 'none'", "Cache-Control": "max-age=300"}
_SVG = {200: {"content": {_MEDIA_TYPE: {"schema": {"type": "string"}}}, "description": "The picture."}}


@read(router, "/badge/{method:path}.svg", response_class=Response, responses=_SVG)
def get_badge(service: ServiceDep, method: str) -> Response:
    """The mean rank by cos of a method over the pairs that it entered; the name is its first user's, or a reference row's."""
    named = (method, service.ledger.snapshot().owner(method))
    average = next((row for row in averages(service.boards.view().standings) if (row.method, row.user) == named), None)
    if average is None:
        raise ProblemError(404, "No method of this name is on the leaderboard.")
    pairs = "1 pair" if average.pairs == 1 else f"{average.pairs} pairs"
    text = f"rank {average.mean_rank:.3g} on {pairs}"
    picture = environment().get_template("badge.svg").render(text=text)
    return Response(picture, headers=_HEADERS, media_type=_MEDIA_TYPE)
