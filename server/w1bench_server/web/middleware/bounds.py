"""Request bounds: limits on the URL and body of every request, and the shared headers on every response."""

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from w1bench_server.web.headers import shared_headers
from w1bench_server.web.problems import problem

URL_BYTES = 2048
BODY_BYTES = 1 << 20  # of JSON, and of bodies that no endpoint asked for
_LIFTED = "body_bound_lifted"


def lift_body_bound(request: Request) -> None:
    """Accept a body of any length: for an endpoint that has its own limit while it receives."""
    request.scope["state"][_LIFTED] = True


class RequestBounds:
    """The ASGI middleware that bounds requests."""

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

        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > URL_BYTES:
            refusal = problem(Request(scope), 414, f"A URL may have {URL_BYTES} bytes; send a shorter one.")
            await refusal(scope, receive, send_with_headers)
        elif "\0" in scope["path"]:  # no name or id has one, and PostgreSQL takes none
            refusal = problem(Request(scope), 404, "There is no address with a NUL byte; leave it out.")
            await refusal(scope, receive, send_with_headers)
        else:
            await self._app(scope, _bounded(scope, receive), send_with_headers)


def _bounded(scope: Scope, receive: Receive) -> Receive:
    """`receive`, which raises a 413 when a body is declared to be, or turns out to be, longer than the limit."""
    declared = Headers(scope=scope).get("content-length", "")
    too_long = declared.isdecimal() and int(declared[:19]) > BODY_BYTES
    received = 0

    async def receive_bounded() -> Message:
        nonlocal received
        if _LIFTED in scope["state"]:
            return await receive()
        if too_long:
            raise HTTPException(413)
        message = await receive()
        received += len(message.get("body", b""))
        if received > BODY_BYTES:
            raise HTTPException(413)
        return message

    return receive_bounded
