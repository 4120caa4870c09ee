"""Pages as answers: the templates filled for this service, with what a browser may do with them."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from starlette.routing import Mount

from w1bench.site.board.content import Content
from w1bench.site.links import ServiceLinks
from w1bench.site.pages import Site, render
from w1bench_server.web.headers import shared_headers
from w1bench_server.web.pages.content import PageContent

# As of every answer, and besides: the scripts of this service, which ask it alone, and forms that lead to it.
POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "script-src 'self'; connect-src 'self'"
)
_LINKS = ServiceLinks()
_DOCS = "/docs"


def _content(request: Request) -> Content:
    pages: PageContent = request.state.pages
    return pages.now()


ContentDep = Annotated[Content, Depends(_content)]


def address(request: Request) -> str:
    """The service's address, for commands that readers copy: the public one, else that of the socket; a Host header is anybody's word."""
    public: str | None = request.state.service.settings.public_url
    host, port = request.scope["server"]
    return public or f"http://{f'[{host}]' if ':' in host else host}:{port}"


def page(
    request: Request,
    template: str,
    context: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """A page as an answer."""
    docs = (
        f"{_DOCS}/" if any(isinstance(route, Mount) and route.path == _DOCS for route in request.app.routes) else None
    )
    text = render(template, Site(_LINKS, address(request), docs), context)
    own = {"Content-Security-Policy": POLICY, "Vary": "Accept"} | dict(headers or {})
    return HTMLResponse(text, status, shared_headers(request.scope) | own)
