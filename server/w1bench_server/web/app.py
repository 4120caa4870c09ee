"""The ASGI application, wired from its routers and middleware, and its committed openapi.json."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.staticfiles import StaticFiles
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from w1bench.site.pages import STATIC
from w1bench_server.admission_control import Places, Turns
from w1bench_server.service import running
from w1bench_server.settings import Settings
from w1bench_server.submissions.uploads import Room
from w1bench_server.web import documentation, problems
from w1bench_server.web.api import account, jobs, openapi, pairs, submissions
from w1bench_server.web.api import leaderboard as board
from w1bench_server.web.api.events import Streams
from w1bench_server.web.api.openapi import document
from w1bench_server.web.health import endpoints as health
from w1bench_server.web.health.prometheus import Monitor
from w1bench_server.web.middleware.access_log import AccessLog
from w1bench_server.web.middleware.bounds import RequestBounds
from w1bench_server.web.middleware.concurrency_limit import ConcurrencyLimit
from w1bench_server.web.middleware.cors import Cors
from w1bench_server.web.middleware.rate_limit import RateLimit
from w1bench_server.web.middleware.unread_body import UnreadBody
from w1bench_server.web.pages import badge, forms, home
from w1bench_server.web.pages import pairs as pair_pages
from w1bench_server.web.pages import submissions as submission_pages
from w1bench_server.web.pages.content import PageContent


def create_app(settings: Settings) -> FastAPI:
    """The service as an ASGI application, which opens its files and processes when it starts."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[Mapping[str, Any]]:
        each = settings.streams_per_client
        streams = Places("streams of events", most=settings.streams, each=each, anonymous=each)
        each, anonymous = settings.uploads_per_token, settings.uploads_per_address
        uploads = Places("uploads", most=settings.uploads, each=each, anonymous=anonymous)
        async with running(settings) as service:
            yield {
                "service": service,
                "monitor": Monitor(service),
                "streams": Streams(service.jobs, settings.events_seconds, streams),
                "reads": Turns(settings.reads, settings.reads_waiting, "requests"),
                "uploads": uploads,
                "pages": PageContent(service.pairs, service.boards),
                "room": Room(service.bodies.incoming, settings.min_free_bytes),
            }

    app = FastAPI(
        description="Pairs of distributions with a known Wasserstein-1 distance: download, submit, compare.",
        lifespan=lifespan,
        docs_url=None,  # those pages load scripts from other hosts
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
    )
    pages = (home, pair_pages, submission_pages, forms)
    for part in (health, pairs, submissions, account, jobs, board, badge, *pages):
        app.include_router(part.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    documentation.mount(app, settings.docs)
    problems.install(app)
    app.state.https = (settings.public_url or "").startswith("https://")
    # The one that is added last is the outermost.
    app.add_middleware(ConcurrencyLimit)
    app.add_middleware(RateLimit, requests_per_minute=settings.requests_per_minute)
    app.add_middleware(Cors)
    app.add_middleware(RequestBounds)
    app.add_middleware(AccessLog)
    app.add_middleware(UnreadBody, most_bytes=settings.unread_bytes, seconds=settings.stall_seconds)
    if settings.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(map(str, settings.trusted_proxies)))
    app.openapi = partial(openapi.document, app)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name


COMMITTED = Path(__file__).with_name("api") / "openapi.json"


def text(app: FastAPI) -> str:
    """The content of the committed openapi.json."""
    return json.dumps(document(app), indent=1, sort_keys=True) + "\n"


def write() -> None:
    """Regenerate the committed openapi.json."""
    COMMITTED.write_text(text(create_app(Settings())), encoding="utf-8")
