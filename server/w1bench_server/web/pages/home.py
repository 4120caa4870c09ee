"""The first page, and the board in all its forms."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BeforeValidator, Field, StringConstraints

from w1bench.recipes.recipe import Family
from w1bench.scoring.metrics import METRICS
from w1bench.site import views
from w1bench.site.board.choice import ORDERS, Choice
from w1bench.site.board.sheets import MEDIA_TYPES, written
from w1bench.storage.canonical import worded
from w1bench_server.web.dependencies import read
from w1bench_server.web.pages.answers import ContentDep, address, page

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
_LARGEST = 2**31
# A form without a script sends its empty fields, too: they choose nothing.
_EMPTY = BeforeValidator(lambda value: None if value == "" else value)
YesNo = Annotated[Literal["yes", "no"] | None, _EMPTY, Query()]
Word = Annotated[Annotated[str, StringConstraints(max_length=64)] | None, _EMPTY, Query()]
Order = Annotated[str, Query(pattern=worded(f"^({'|'.join(ORDERS)})$", f"one of {', '.join(ORDERS)}"))]
PageNumber = Annotated[int, Query(alias="page", ge=1, le=_LARGEST)]
RowOrder = Annotated[str, Query(pattern=worded(f"^({'|'.join(METRICS)})$", f"one of {', '.join(METRICS)}"))]


@read(router, "/")
def home_page(request: Request, content: ContentDep) -> Response:
    """What this is, and three ways in."""
    return page(request, "home.html", views.home(content, address(request)))


@read(router, "/board")
def board_page(
    request: Request,
    content: ContentDep,
    track: Literal["open", "sealed"] = "open",
    view: Literal["methods", "map", "rows"] = "methods",
    family: Annotated[Family | None, _EMPTY, Query()] = None,
    dim: Annotated[Annotated[int, Field(ge=1, le=_LARGEST)] | None, _EMPTY, Query()] = None,
    pair: Word = None,
    user: Word = None,
    q: Word = None,
    reference: YesNo = None,
    trains: YesNo = None,
    knows_family: YesNo = None,
    sort: Order = "skill",
    number: PageNumber = 1,
    form: Annotated[Literal["html", "csv", "json", "latex"], Query(alias="format")] = "html",
) -> Response:
    """The board by a choice, as a page or as a table for other programs."""
    choice = Choice(track, view, family, dim, pair, user, q, reference, trains, knows_family, sort, number)
    context = views.board(content, choice)
    if form == "html":
        return page(request, "board.html", context)
    return Response(written(views.sheet(context), form), media_type=MEDIA_TYPES[form])
