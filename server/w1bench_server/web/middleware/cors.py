"""CORS preflights: what a browser asks before a page of another origin may send more than a plain GET."""

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from w1bench_server.web.headers import SHARED_METHODS

_ALLOWED = ("If-None-Match", "If-Range", "Range")  # headers that readers of files send
_MAX_AGE_SECONDS = 86_400


class Cors(CORSMiddleware):
    """Starlette's CORS middleware for preflights alone; other responses get their headers from `shared_headers`."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app, ["*"], SHARED_METHODS, allow_headers=_ALLOWED, max_age=_MAX_AGE_SECONDS)

    def preflight_response(self, request_headers: Headers) -> Response:
        return Response(status_code=204, headers=self.preflight_headers)

    async def simple_response(self, scope: Scope, receive: Receive, send: Send, request_headers: Headers) -> None:
        await self.app(scope, receive, send)
