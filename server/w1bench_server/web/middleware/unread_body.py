"""Unread bodies: the layer that reads on, within bounds, what a client still sends after its request was answered.

A connection that is closed on unread bytes is reset, and the client never sees the answer that told it to stop.
"""

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class UnreadBody:
    """An ASGI middleware; it throws away up to `most_bytes` in at most `seconds`."""

    def __init__(self, app: ASGIApp, *, most_bytes: int, seconds: float) -> None:
        self._app, self._most_bytes, self._seconds = app, most_bytes, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        more = True  # to come

        async def receive_watched() -> Message:
            nonlocal more
            message = await receive()
            more = message.get("more_body", False)
            return message

        async def send_and_read_on(message: Message) -> None:
            if more and message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Connection"] = "close"
            ending = message["type"] == "http.response.body" and not message.get("more_body", False)
            if not (more and ending):
                await send(message)
                return
            await send({**message, "more_body": True})
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await self._read_on(receive_watched)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        await self._app(scope, receive_watched, send_and_read_on)

    async def _read_on(self, receive: Receive) -> None:
        thrown_away = 0
        while thrown_away < self._most_bytes:
            message = await receive()
            thrown_away += len(message.get("body", b""))
            if not message.get("more_body", False):
                return


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
