"""Connections: uvicorn's HTTP protocol with bounds on what a stranger can hold: head, trailers, time, and the connections themselves."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any
from uuid import uuid4

from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from w1bench_server.settings import Settings
from w1bench_server.web.middleware.rate_limit import network
from w1bench_server.web.problems import MEDIA_TYPE, Problem

_LINGER_SECONDS = 2.0  # in which a client that is still sending can read why it was refused
_LINGER_BYTES = 1 << 24
_MOST_PIPELINED = 8  # requests that came before the one under way was answered
_SENTENCES = {
    HTTPStatus.BAD_REQUEST: "The request is not well formed HTTP; leave it to your HTTP client.",
    HTTPStatus.REQUEST_TIMEOUT: "The request came too slowly; send it again.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The request's head or trailers are too long; send fewer or shorter header fields.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Too many connections are open; close some, or come again in a while.",
}


class _Phase(Enum):
    """What a connection waits for."""

    IDLE = auto()  # a next request, while uvicorn's keep-alive lasts
    HEAD = auto()
    BODY = auto()
    REFUSED = auto()  # the other end to read it


class _RefusedError(Exception):
    """Ends the parsing of a request."""


@dataclass
class Connections:
    """The open connections of a server: `settings.connections` in all, `settings.connections_per_client` of one address."""

    settings: Settings
    counts: Counter[str] = field(default_factory=Counter[str])

    def protocol(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any], **others: Any
    ) -> asyncio.Protocol:
        """A protocol for one connection, as uvicorn makes them."""
        return _BoundedProtocol(self, config, server_state, app_state, **others)

    def take(self, host: str) -> bool:
        """Count a connection from `host`, unless it has as many as one may."""
        client = network(host)
        if self.counts[client] >= self.settings.connections_per_client and not self._is_proxy(host):
            return False
        self.counts[client] += 1
        return True

    def give_back(self, host: str) -> None:
        self.counts[network(host)] -= 1
        self.counts += Counter()

    def _is_proxy(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return False
        return any(address in trusted for trusted in self.settings.trusted_proxies)


@dataclass
class _Pace:
    """Whether bytes move: at least `rate` a second over every `seconds` in which they could."""

    rate: int
    seconds: float
    waited: float = 0.0
    moved: int = 0

    def too_slow(self, waited: float) -> bool:
        """Whether they did not, after `waited` more seconds."""
        self.waited += waited
        if self.waited < self.seconds:
            return False
        slow = self.moved < self.rate * self.waited
        self.waited, self.moved = 0.0, 0
        return slow


class _BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, connections: Connections, *uvicorn: Any, **others: Any) -> None:
        super().__init__(*uvicorn, **others)
        settings = self._settings = connections.settings
        self._connections = connections
        self._counted = False
        self._phase = _Phase.HEAD
        self._since = self._looked = self.loop.time()
        self._quiet_bytes = self._head_bytes = self._head_fields = self._unsent = 0
        self._in_trailers = False
        self._running: RequestResponseCycle | None = None
        self._arriving = _Pace(settings.least_bytes_per_second, settings.stall_seconds)
        self._leaving = _Pace(settings.least_bytes_per_second, settings.stall_seconds)
        self._status = HTTPStatus.BAD_REQUEST
        self._look_seconds = min(1.0, settings.head_seconds / 4, settings.stall_seconds / 4)
        self._watch: asyncio.TimerHandle | None = None

    @property
    def waiting_since(self) -> float | None:
        """Since when there is no request under way; None where there is one."""
        return self._since if self._phase in (_Phase.IDLE, _Phase.HEAD) and self._answered() else None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._counted = self._connections.take(self._host())
        full = self._connections.counts.total() > self._settings.connections
        if not self._counted or (full and not self._displace()):
            self._phase = _Phase.REFUSED
            self.transport.write(_refusal(HTTPStatus.SERVICE_UNAVAILABLE))
            self.transport.close()
        else:
            self._watch = self.loop.call_later(self._look_seconds, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        if self._counted:
            self._connections.give_back(self._host())
        self._disconnect()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._phase is _Phase.REFUSED:
            self._quiet_bytes += len(data)
            if self._quiet_bytes > _LINGER_BYTES:
                self.transport.abort()
            return
        if self._phase is _Phase.IDLE:
            self._phase, self._since = _Phase.HEAD, self.loop.time()
        self._quiet_bytes += len(data)
        super().data_received(data)
        if self._quiet_bytes > self._settings.head_bytes:  # a field, or the size of a chunk, that does not end
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._status)

    def on_message_begin(self) -> None:
        self._head_bytes = self._head_fields = 0
        self._in_trailers = False
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_fields += 1
        self._count_head(len(name) + len(value))
        if not self._in_trailers:  # trailers would change a head that was acted upon
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= _MOST_PIPELINED:
            raise _RefusedError
        self._in_trailers = True
        self._quiet_bytes = 0
        self._phase = _Phase.BODY
        self._arriving = _Pace(self._settings.least_bytes_per_second, self._settings.stall_seconds)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._quiet_bytes = 0
        self._arriving.moved += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._quiet_bytes = 0
        self._phase, self._since = _Phase.IDLE, self.loop.time()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._since = self.loop.time()
        super().on_response_complete()

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._settings.head_bytes or self._head_fields > self._settings.head_fields:
            self._status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise _RefusedError

    def _look(self) -> None:
        """End a connection that is too slow; done again and again while it is open."""
        now = self.loop.time()
        passed, self._looked = now - self._looked, now
        self._watch = self.loop.call_later(self._look_seconds, self._look)
        if self.transport.is_closing():
            return
        if self._arrives_too_slowly(passed):
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        elif self._leaves_too_slowly(passed):
            self.transport.abort()

    def _arrives_too_slowly(self, passed: float) -> bool:
        if self._phase is _Phase.HEAD and self._answered():
            return self.loop.time() - self._since > self._settings.head_seconds
        # It is the client who is waited for where the service reads, and has said that it will.
        if self._phase is not _Phase.BODY or self.flow.read_paused or self.cycle.waiting_for_100_continue:
            return False
        return self._arriving.too_slow(passed)

    def _leaves_too_slowly(self, passed: float) -> bool:
        if not self.flow.write_paused:
            self._leaving.waited, self._leaving.moved, self._unsent = 0.0, 0, 0
            return False
        unsent = self.transport.get_write_buffer_size()
        self._leaving.moved += max(0, self._unsent - unsent)
        self._unsent = unsent
        return self._leaving.too_slow(passed)

    def _answered(self) -> bool:
        return self._running is None or self._running.response_complete

    def _disconnect(self) -> None:
        """Tell the app that nobody is there any more; uvicorn tells the request that came last, which may not be the one under way."""
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _refuse(self, status: HTTPStatus) -> None:
        """Say why and close; where an answer has begun, close."""
        if self.transport.is_closing():
            return
        idle = status is HTTPStatus.REQUEST_TIMEOUT and self._head_bytes == 0  # it never asked for anything
        first = self._running is self.cycle and self._phase is _Phase.BODY and not self.cycle.response_started
        silent = idle or not (self._answered() or first)  # else it would pass for the answer to an earlier request
        self._phase = _Phase.REFUSED
        self._unset_keepalive_if_required()
        self._disconnect()
        self.loop.call_later(_LINGER_SECONDS, self.transport.abort)
        if silent:
            self.transport.close()
            return
        self.transport.write(_refusal(status))
        self.transport.write_eof()
        self.flow.resume_reading()  # what is left unread would reset the connection before the answer is read

    def _displace(self) -> bool:
        """Close the connection that has waited longest without a request, to make room; whether there is one."""
        waiting = [each for each in self.connections if isinstance(each, _BoundedProtocol) and each is not self]
        idle = [(since, each) for each in waiting if (since := each.waiting_since) is not None]
        if not idle:
            return False
        min(idle, key=lambda each: each[0])[1].transport.abort()
        return True

    def _host(self) -> str:
        return self.client[0] if self.client else ""


def _refusal(status: HTTPStatus) -> bytes:
    """A whole response, written without the app."""
    identity = uuid4().hex
    told = Problem(title=status.phrase, status=status, detail=_SENTENCES[status], request_id=identity)
    content = told.model_dump_json().encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {len(content)}\r\n"
        f"X-Request-ID: {identity}\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + content
