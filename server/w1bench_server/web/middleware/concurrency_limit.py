"""The concurrency limit: the layer that lets few requests at a time work on an answer, each client in its turn.

Downloads are not among them: they are sent from the page cache, and wait for nothing but the network. Nor are slices, which take
turns themselves where they are work.
"""

from contextlib import AsyncExitStack

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from w1bench_server.admission_control import Turns
from w1bench_server.errors import ProblemError
from w1bench_server.web.problems import problem

_READING = ("GET", "HEAD")
_LIGHT = ("/livez", "/metrics", "/static/", "/docs/")


class ConcurrencyLimit:
    """An ASGI middleware; a turn lasts until the answer begins."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in _READING or _is_light(scope["path"]):
            await self._app(scope, receive, send)
            return
        turns: Turns = scope["state"]["reads"]
        async with AsyncExitStack() as held:

            async def send_afterwards(message: Message) -> None:
                await held.aclose()
                await send(message)

            app = self._app
            try:
                await held.enter_async_context(turns.turn(scope["state"]["client"]))
            except ProblemError as refused:
                app = problem(Request(scope), refused.status, str(refused), headers=refused.headers)
            await app(scope, receive, send_afterwards)


def _is_light(path: str) -> bool:
    return path.startswith(_LIGHT) or (path.startswith("/v1/pairs/") and ("/files/" in path or path.endswith("/slice")))
