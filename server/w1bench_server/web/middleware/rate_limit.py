"""Rate limit: so many requests a minute of one client, which is a token, or a network address without one."""

import time
from contextlib import suppress
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil

from fastapi import Request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from w1bench_server.admission_control import Client
from w1bench_server.errors import TokenError
from w1bench_server.web.auth import tokens
from w1bench_server.web.problems import problem

_FREE = ("/livez", "/metrics")  # for monitoring, also when the service is flooded
_KNOWN_SECONDS = 2.0  # for which a token that opened counts as such: of turns and limits alone, not of rights
_IPV6_BITS = 64  # the network that one client has to itself


class RateLimit:
    """The ASGI middleware that counts requests in this process's memory."""

    def __init__(self, app: ASGIApp, *, requests_per_minute: int) -> None:
        self._app = app
        self._limit = RateLimitItemPerMinute(requests_per_minute)
        self._window = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._known: dict[str, float] = {}  # tokens that opened, and until when that holds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] == "http" and scope["path"] not in _FREE:
            request = Request(scope)
            client = await self._client(request)
            request.state.client = client
            if not self._window.hit(self._limit, client.name):
                app = self._refusal(request, client.name)
        await app(scope, receive, send)

    def _refusal(self, request: Request, client: str) -> ASGIApp:
        seconds = max(1, ceil(self._window.get_window_stats(self._limit, client).reset_time - time.time()))
        sentence = f"You may make {self._limit.amount} requests a minute; send this one again in {seconds} s."
        return problem(request, 429, sentence, headers={"Retry-After": str(seconds)})

    async def _client(self, request: Request) -> Client:
        """The client that a request counts for. Only valid tokens count, because anyone could invent others."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            with suppress(TokenError, SQLAlchemyError):
                if self._known.get(token, 0.0) < time.monotonic():
                    self._known.pop(token, None)
                    await run_in_threadpool(tokens.holder, request.state.service.ledger.engine, token)
                    self._known[token] = time.monotonic() + _KNOWN_SECONDS
                return Client(tokens.prefix(token), known=True)
        return Client(network(request.client.host if request.client else ""))


def network(host: str) -> str:
    """An IPv4 address, the network of an IPv6 address, or a name as it is."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or ip_network((address, _IPV6_BITS), strict=False))
    return host
