"""The access log: one line a request, without token, query or body; also counts the request."""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from w1bench_server.web.headers import request_id
from w1bench_server.web.health.prometheus import Monitor

_LONGEST_PATH = 256
_NOWHERE = "none"  # the route where none matches, so that strangers cannot invent new ones
_log = logging.getLogger(__name__)


class AccessLog:
    """The ASGI middleware that logs and counts every request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        monitor: Monitor = scope["state"]["monitor"]
        begun = time.perf_counter()
        status, size = 500, 0  # unless it begins to answer

        async def send_counted(message: Message) -> None:
            nonlocal status, size
            status = message.get("status", status)
            size += len(message.get("body", b""))
            await send(message)

        with bound_contextvars(request_id=request_id(scope)):
            try:
                await self._app(scope, receive, send_counted)
            finally:
                seconds = time.perf_counter() - begun
                monitor.observe(scope["method"], _route(scope), status, seconds)
                _log.info(
                    "request",
                    extra={
                        "method": scope["method"],
                        "path": scope["path"][:_LONGEST_PATH],
                        "route": _route(scope),
                        "status": status,
                        "bytes": size,
                        "seconds": round(seconds, 6),
                        "client": (scope.get("client") or ("",))[0],
                    },
                )


def _route(scope: Scope) -> str:
    """The template of the route that matched, or the folder of static files."""
    return getattr(scope.get("route"), "path", "") or scope.get("root_path") or _NOWHERE
