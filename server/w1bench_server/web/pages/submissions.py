"""The pages of submissions: one with its findings, two compared, and all of a method or a user."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from w1bench.scoring.metrics import METRICS
from w1bench.site import views
from w1bench_server.errors import ProblemError
from w1bench_server.leaderboard.comparison import difference, reason
from w1bench_server.ledger.records import Record
from w1bench_server.service import Service
from w1bench_server.web.dependencies import ServiceDep, read
from w1bench_server.web.pages.answers import ContentDep, page
from w1bench_server.web.pages.content import findings_of, retracted_of, row_of

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
Word = Annotated[str, Query(max_length=64)]


@read(router, "/submissions/{id}")
def submission_page(request: Request, service: ServiceDep, content: ContentDep, id: str) -> Response:  # noqa: A002 - its name in the address
    """A submission: its rank, its figures, and what is wrong with it."""
    record = service.public_records.find(id)
    entry = record.entry
    row = row_of(record, content.manifests.get(entry.pair))
    about = {name: getattr(entry, name) for name in ("bytes", "sha256", "pair_digest", "scorer")}
    context = views.submission(
        content, row, record.score.card, retraction=retracted_of(record), entry=about, findings=findings_of(record, service.pairs), has_body=_has_body(service, record),
    )  # fmt: skip
    return page(request, "submission.html", context)


@read(router, "/compare")
def compare_page(
    request: Request,
    service: ServiceDep,
    content: ContentDep,
    a: Word | None = None,
    b: Word | None = None,
    pair: Word | None = None,
) -> Response:
    """Two submissions to a pair, metric by metric."""
    first, second = (content.by_id.get(identity) if identity else None for identity in (a, b))
    chosen = pair or (first.pair if first else next(iter(content.boards), ""))
    if not (first and second and first.pair == second.pair == chosen):  # the first two of the pair
        rows = content.boards.get(chosen, ())
        first, second = (rows[0], rows[1]) if len(rows) > 1 else (None, None)
    differences: dict[str, Any] = {}
    missing: dict[str, str] = {}
    if first and second:
        x, y = (service.boards.opened(service.public_records.find(row.id).score) for row in (first, second))
        differences = {name: difference(x, y, name) for name in METRICS}
        named = (first.method, x), (second.method, y)
        missing = {name: why for name in METRICS if (why := reason(*named, name))}
    return page(request, "compare.html", views.compare(content, chosen, first, second, differences, missing))


@read(router, "/method")
def method_page(request: Request, content: ContentDep, name: Word, user: Word) -> Response:
    """All rows of a method, over pairs."""
    context = views.method(content, name, user)
    if context is None:
        raise ProblemError(404, "No method of this name and user is on the board; the board lists those that are.")
    return page(request, "method.html", context)


@read(router, "/users/{name}")
def user_page(request: Request, content: ContentDep, name: str) -> Response:
    """All rows of a user."""
    context = views.user(content, name)
    if context is None:
        raise ProblemError(404, "No user of this name has a row; the board lists those who have.")
    return page(request, "method.html", context)


def _has_body(service: Service, record: Record) -> bool:
    """Whether the file that was submitted can be downloaded: of a sealed pair that was revealed."""
    entry = record.entry
    if service.public_records.is_sealed(entry.pair, entry.pair_digest) is not False:
        return False
    return service.pairs.get(entry.pair).manifest.sealed
