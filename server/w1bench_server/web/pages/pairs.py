"""The pages of pairs: their list, one of them with its board, and the sealed rounds."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from w1bench.archive.catalogue import Listed
from w1bench.scoring.metrics import HEADLINE
from w1bench.site import views
from w1bench_server.pairs.catalogue import PublishedPair
from w1bench_server.service import Service
from w1bench_server.web.dependencies import ServiceDep, read
from w1bench_server.web.pages.answers import ContentDep, address, page
from w1bench_server.web.pages.home import PageNumber, RowOrder

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@read(router, "/pairs")
def pairs_page(request: Request, content: ContentDep) -> Response:
    """All pairs."""
    return page(request, "pairs.html", views.pairs(content))


@read(router, "/pairs/{name}")
def pair_page(
    request: Request,
    service: ServiceDep,
    content: ContentDep,
    name: str,
    metric: RowOrder = HEADLINE,
    number: PageNumber = 1,
) -> Response:
    """A pair: what it is, its board, its files and its certificate."""
    pair = service.pairs.get(name)
    context = views.pair(content, pair.manifest, _files(service, pair), address(request), sort=metric, page=number)
    return page(request, "pair.html", context)


@read(router, "/rounds")
def rounds_page(request: Request, service: ServiceDep, content: ContentDep) -> Response:
    """What is sealed, how to take part, what is told and how to check."""
    return page(request, "rounds.html", views.rounds(content, service.settings.sealed_submissions))


def _files(service: Service, pair: PublishedPair) -> dict[str, Listed]:
    files: dict[str, Listed] = {}
    for name in pair.files:
        if (path := pair.folder / name).is_file():
            found = service.pairs.file(pair, name)
            files[name] = Listed(path.stat().st_size, found.sha256)
    return files
