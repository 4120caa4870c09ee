"""Preflights: what a browser asks before a page of another origin may send more than a plain GET."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from w1bench_server.web.headers import SHARED_METHODS

_ASKED = ("If-None-Match", "If-Range", "Range")  # what readers of files send besides
_REMEMBERED_SECONDS = 86_400


class Preflights(CORSMiddleware):
    """Starlette's, for preflights alone, which it answers with what is shared; what all answers carry is in `headers`."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app, ["*"], SHARED_METHODS, allow_headers=_ASKED, max_age=_REMEMBERED_SECONDS)

    def preflight_response(self, request_headers: Headers) -> Response:
        return Response(status_code=204, headers=self.preflight_headers)

    async def simple_response(self, scope: Scope, receive: Receive, send: Send, request_headers: Headers) -> None:
        await self.app(scope, receive, send)
