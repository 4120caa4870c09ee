"""Envelope: the outermost layer, which bounds a request's URL and puts the shared headers on its response."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from w1bench_server.headers import shared_headers
from w1bench_server.problems import problem

_URL_BYTES = 2048


class Envelope:
    """An ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = shared_headers(scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = MutableHeaders(scope=message)
                for name, value in headers.items():
                    present.setdefault(name, value)
            await send(message)

        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > _URL_BYTES:
            refusal = problem(Request(scope), 414, f"A URL may have {_URL_BYTES} bytes here; send a shorter one.")
            await refusal(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)
