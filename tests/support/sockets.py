"""Plain sockets to a server on the loopback, for requests that no HTTP client would send."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

STRANGER = "127.0.0.2"  # another client than 127.0.0.1
_STEP_BYTES = 1 << 16


@contextmanager
def connected(port: int, *, address: str = STRANGER, seconds: float = 20) -> Iterator[socket.socket]:
    """A connection from `address`, on which nothing takes longer than `seconds`."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds, source_address=(address, 0)) as connection:
        yield connection


def send(connection: socket.socket, content: bytes) -> int:
    """Send until the other end does not take more; how many bytes it took."""
    taken = 0
    with suppress(OSError):
        while taken < len(content):
            taken += connection.send(content[taken : taken + _STEP_BYTES])
    return taken


def answer(connection: socket.socket) -> bytes:
    """What comes until the other end closes, or resets."""
    received = bytearray()
    with suppress(ConnectionError):
        while block := connection.recv(_STEP_BYTES):
            received += block
    return bytes(received)


def status(received: bytes) -> int | None:
    """The status of a response; None where there is none."""
    return int(received.split(b" ", 2)[1]) if received.startswith(b"HTTP/1.1 ") else None
