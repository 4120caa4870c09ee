"""What a stranger can hold of a connection is bounded: head, trailers, time, bytes unread and unsent, and how many there are."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from support.servers import serving
from support.sockets import STRANGER, answer, connected, send, status
from w1bench_server.settings import Settings

MIB = 1 << 20
HEAD_SECONDS = 1.5
STALL_SECONDS = 1.5
PER_CLIENT = 6
ALL = 10
Problem = Callable[[Any, int], dict[str, Any]]
UPLOAD = b"POST /v1/validate?pair=small-d2-n4-p8 HTTP/1.1\r\nHost: x\r\n"


class Server:
    """A server with small bounds."""

    def __init__(self, settings: Settings, pid: int, client: httpx2.Client) -> None:
        self.incoming = settings.data / "incoming"
        self.process, self.client = psutil.Process(pid), client
        self.port: int = client.base_url.port or 80

    def asked(self, *parts: bytes, **options: Any) -> tuple[int | None, int]:
        """The status that a stranger gets who sends this, and how many bytes the server took."""
        with connected(self.port, **options) as connection:
            taken = sum(send(connection, part) for part in parts)
            return status(answer(connection)), taken


@pytest.fixture(scope="module")
def server(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = Settings(
        archive=archive, data=tmp_path_factory.mktemp("connections") / "data", port=0, min_free_bytes=0, own_worker="none",
        requests_per_minute=10**6, head_seconds=HEAD_SECONDS, stall_seconds=STALL_SECONDS, head_bytes=16384,
        connections=ALL, connections_per_client=PER_CLIENT, unread_bytes=24 * MIB,
    )  # fmt: skip
    with serving(settings, seconds=120) as (process, client):
        yield Server(settings, process.pid, client)


@pytest.mark.parametrize(
    "endless",
    [b"GET /" + b"x" * (8 * MIB), b"GET /livez HTTP/1.1\r\nX: " + b"x" * (8 * MIB), b"GET /livez HTTP/1.1\r\n" + b"X: y\r\n" * MIB],
    ids=["address", "one field", "many fields"],
)  # fmt: skip
def test_a_head_is_bounded(server: Server, endless: bytes) -> None:
    before = server.process.memory_info().rss
    found, _ = server.asked(endless)
    assert found == 431
    assert server.process.memory_info().rss - before < 4 * MIB


def test_the_number_of_header_fields_is_bounded(server: Server) -> None:
    for count, expected in ((90, 200), (110, 431)):
        found, _ = server.asked(b"GET /livez HTTP/1.1\r\nConnection: close\r\n" + b"X: y\r\n" * count + b"\r\n")
        assert found == expected


@pytest.mark.parametrize("trailers", [b"X: " + b"y" * (8 * MIB), b"X: y\r\n" * MIB, b";" + b"x" * (8 * MIB)])
def test_trailers_and_chunk_extensions_are_bounded(server: Server, trailers: bytes) -> None:
    before = server.process.memory_info().rss
    body = b"3\r\nabc\r\n" + (b"3" + trailers if trailers[:1] == b";" else b"0\r\n" + trailers)
    found, _ = server.asked(UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n", body)
    assert found == 431
    assert server.process.memory_info().rss - before < 4 * MIB


def test_a_refusal_is_a_problem_as_all_others(server: Server) -> None:
    with connected(server.port) as connection:
        send(connection, b"GET / HTTP/1.1\r\nX: " + b"x" * 20000)
        head, _, content = answer(connection).partition(b"\r\n\r\n")
    document = json.loads(content)
    assert b"application/problem+json" in head
    assert (document["status"], document["title"]) == (431, "Request Header Fields Too Large")
    assert f"X-Request-ID: {document['request_id']}".encode() in head
    assert document["detail"].endswith(".")
    found, _ = server.asked(b"nonsense\r\n\r\n")
    assert found == 400


@pytest.mark.parametrize("begun", [b"", b"\r\n", b"GET /livez HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_that_does_not_end_is_given_up(server: Server, begun: bytes) -> None:
    began = time.monotonic()
    found, _ = server.asked(begun)
    assert HEAD_SECONDS <= time.monotonic() - began < HEAD_SECONDS + 5
    assert found == (408 if begun.startswith(b"GET") else None)


def test_a_head_that_trickles_is_given_up(server: Server) -> None:
    with connected(server.port) as connection:
        send(connection, b"GET /livez HTTP/1.1\r\n")
        began = time.monotonic()
        while time.monotonic() - began < HEAD_SECONDS + 5 and send(connection, b"X: y\r\n"):
            time.sleep(0.1)
        assert HEAD_SECONDS <= time.monotonic() - began < HEAD_SECONDS + 5


@pytest.mark.parametrize("fast", [0, 50_000], ids=["from the start", "after a fast one"])
def test_a_body_that_does_not_come_is_given_up_and_leaves_nothing(server: Server, fast: int) -> None:
    began = time.monotonic()
    found, _ = server.asked(UPLOAD + b"Content-Length: 60000\r\n\r\n", bytes(fast))
    assert found == 408
    assert time.monotonic() - began < 2 * STALL_SECONDS + 5
    while list(server.incoming.iterdir()):  # it goes when the service hears that nobody is there
        assert time.monotonic() - began < 2 * STALL_SECONDS + 10
        time.sleep(0.05)


def test_a_body_that_comes_steadily_is_read_to_its_end(server: Server) -> None:
    with connected(server.port, address="127.0.0.1") as connection:
        send(connection, UPLOAD + b"Connection: close\r\nContent-Length: 60000\r\n\r\n")
        for _ in range(12):
            time.sleep(0.3)
            send(connection, bytes(5000))
        assert status(answer(connection)) == 422


def test_a_reader_who_does_not_read_is_given_up(server: Server) -> None:
    url = b"GET /v1/pairs/small-photos/files/train.h5 HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(20)
        connection.bind((STRANGER, 0))
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(8 * url)
        time.sleep(2 * STALL_SECONDS + 2)
        assert not any(c.raddr and c.raddr.ip == STRANGER for c in server.process.net_connections("tcp"))


def test_a_kept_connection_outlives_the_deadline_of_a_head(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.connect()
    begun = connection.sock
    for _ in range(3):
        connection.request("GET", "/livez")
        assert connection.getresponse().read() == b'{"status":"alive"}'
        assert connection.sock is begun
        time.sleep(HEAD_SECONDS)
    connection.close()


def test_an_address_has_its_number_of_connections(server: Server) -> None:
    with ExitStack() as held:
        for _ in range(PER_CLIENT):
            held.enter_context(connected(server.port))
        found, _ = server.asked(b"")
        assert found == 503
        assert server.client.get("/livez").status_code == 200
    time.sleep(0.2)
    assert server.asked(b"GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n")[0] == 200


def test_when_all_are_taken_an_idle_one_makes_room(server: Server) -> None:
    with ExitStack() as held:
        for number in range(ALL):
            held.enter_context(connected(server.port, address=f"127.0.0.{3 + number // 5}"))
        found, _ = server.asked(b"GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert found == 200


def test_pipelined_requests_are_bounded(server: Server) -> None:
    one = b"GET /v1/pairs HTTP/1.1\r\nHost: x\r\n\r\n"
    with connected(server.port) as connection:
        send(connection, 5 * one)
        time.sleep(0.5)
        send(connection, one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert answer(connection).count(b"HTTP/1.1 200") == 6
    with connected(server.port) as connection:
        send(connection, 1000 * one)
        assert answer(connection).count(b"HTTP/1.1 200") < 20


@pytest.mark.parametrize("path", ["/v1/validate?pair=small-d2-n4-p8", "/v1/pairs", "/nothing"])
def test_a_body_of_20_mb_is_read_on_so_that_its_sender_reads_why(server: Server, path: str) -> None:
    for headers in ({"Connection": "close"}, {}):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        connection.request("POST", path, body=bytes(20_000_000), headers=headers)
        response = connection.getresponse()
        assert response.status == {"/v1/pairs": 401, "/nothing": 404}.get(path, 413)
        assert json.loads(response.read())["status"] == response.status
        connection.close()


def test_no_more_is_read_on_than_is_worth_it(server: Server) -> None:
    endless = b"100000\r\n" + bytes(MIB) + b"\r\n"
    found, taken = server.asked(
        b"POST /nothing HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 80 * endless
    )
    assert found == 404
    assert 24 * MIB < taken < 60 * MIB


def test_no_link_carries_a_host_that_a_stranger_made_up(server: Server) -> None:
    for path in ("/v1/leaderboard", "/", "/v1/pairs/small-d2-n4-p8/submissions", "/pairs/small-d2-n4-p8"):
        answered = server.client.get(path, headers={"Host": "evil.example"})
        assert answered.status_code == 200
        assert "evil.example" not in answered.text + str(answered.headers)
