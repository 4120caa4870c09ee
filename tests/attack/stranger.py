"""A stranger without a token, who holds one kind of the service's resources, or all of them, from one address for a while."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

ADDRESS = "127.0.0.2"
_TIMEOUT = 30.0
_PAUSE = 0.05  # before a refused client comes again
_GET = "GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Target:
    """A service on the loopback: a pair, a right submission to it, a job whose id the stranger knows, and the ledger's rows."""

    port: int
    pair: str
    body: bytes
    job: str
    rows: int


Ask = Callable[[Target, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[str]]


def attack(target: Target, kinds: tuple[str, ...], seconds: float) -> Counter[str]:
    """What became of a stranger's requests, by status or how they ended, after `seconds` of attacks of these kinds."""
    return asyncio.run(_attack(target, kinds, seconds))


async def _attack(target: Target, kinds: tuple[str, ...], seconds: float) -> Counter[str]:
    told: Counter[str] = Counter()
    tasks = [
        asyncio.create_task(_again(target, ask, told))
        for kind in kinds
        for count, ask in [ATTACKS[kind]]
        for _ in range(count)
    ]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return told


async def _again(target: Target, ask: Ask, told: Counter[str]) -> None:
    """The same again and again, each time on a new connection."""
    while True:
        ended = "broken off"
        with suppress(OSError, TimeoutError):
            reader, writer = await asyncio.open_connection("127.0.0.1", target.port, local_addr=(ADDRESS, 0))
            try:
                ended = await ask(target, reader, writer)
            finally:
                writer.transport.abort()
        told[ended] += 1
        if ended != "200":
            await asyncio.sleep(_PAUSE)


async def _answer(reader: asyncio.StreamReader) -> str:
    """The status of the answer, which is read to its end."""
    head = await reader.readline()
    while await reader.read(1 << 16):
        continue
    return head.split()[1].decode() if head else "closed"


async def _connection(target: Target, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    writer.write(b"GET / HTTP/1.1\r\n")
    return await _answer(reader)


async def _head(target: Target, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    writer.write(b"GET / HTTP/1.1\r\nX: ")
    for _ in range(64):
        writer.write(bytes(1 << 16).replace(b"\0", b"x"))
        await writer.drain()
    return await _answer(reader)


async def _trailers(target: Target, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    head = f"POST /v1/validate?pair={target.pair} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    writer.write(head.encode())
    for _ in range(64):
        writer.write(b"X: y\r\n" * 10_000)
        await writer.drain()
    return await _answer(reader)


async def _body(target: Target, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    """Half of a body, then a byte now and then."""
    writer.write(_post(target, len(target.body)) + target.body[: len(target.body) // 2])
    answer = asyncio.create_task(_answer(reader))
    try:
        while not answer.done():
            writer.write(b"\0")
            await writer.drain()
            await asyncio.wait([answer], timeout=1)
        return answer.result()
    finally:
        answer.cancel()


async def _reader(target: Target, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    """Asks for much, and does not read it."""
    request = f"GET /v1/pairs/{target.pair}/files/train.h5 HTTP/1.1\r\nHost: x\r\n\r\n"
    writer.write(8 * request.encode())
    writer.transport.pause_reading()  # pyright: ignore[reportAttributeAccessIssue] - a socket's transport is read, too
    while not writer.transport.is_closing():
        writer.write(b"\r\n")
        await writer.drain()
        await asyncio.sleep(1)
    return "closed"


async def _validate(target: Target, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    writer.write(_post(target, len(target.body)) + target.body)
    return await _answer(reader)


def _post(target: Target, length: int) -> bytes:
    head = f"POST /v1/validate?pair={target.pair} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    return head.encode()


def _getting(*paths: str) -> Ask:
    async def get(target: Target, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        path = random.choice(paths).format(target=target, row=random.randint(1, target.rows))
        writer.write(_GET.format(path).encode())
        return await _answer(reader)

    return get


_SLICE = "/v1/pairs/{target.pair}/slice?file=train.h5&dataset=input&format="
# How many at once, and what each does.
ATTACKS: dict[str, tuple[int, Ask]] = {
    "nothing": (0, _connection),  # for comparison
    "connections": (300, _connection),
    "heads": (20, _head),
    "trailers": (20, _trailers),
    "bodies": (100, _body),
    "readers": (100, _reader),
    "streams": (150, _getting("/v1/jobs/{target.job}/events")),
    "validate": (70, _validate),
    "slices": (45, _getting(_SLICE + "json", _SLICE + "csv")),
    "boards": (
        45,
        _getting("/v1/leaderboard", "/v1/leaderboard?track=hd", "/", "/pairs/{target.pair}", "/badge/m1.svg"),
    ),
    "as_of": (45, _getting("/v1/leaderboard?as_of={row}")),
}
