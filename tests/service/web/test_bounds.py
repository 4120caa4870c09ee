"""A request's URL and body are bounded, whether its length is declared or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import pytest
from fastapi import Body
from starlette.testclient import TestClient

from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app
from w1bench_server.web.middleware.bounds import BODY_BYTES, URL_BYTES

Problem = Callable[[Any, int], dict[str, Any]]


@pytest.fixture
def taking(settings: Settings) -> Iterator[TestClient]:
    """A service with an address that takes JSON."""
    app = create_app(settings)

    def count(values: Annotated[list[Any], Body()]) -> int:
        return len(values)

    app.add_api_route("/count", count, methods=["POST"])
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def pieces(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 100_000):
        yield body[start : start + 100_000]


def test_a_json_body_of_more_than_1_mib_is_413(taking: TestClient, is_problem: Problem) -> None:
    kind = {"Content-Type": "application/json"}
    fits = b"[1]" + b" " * (BODY_BYTES - 3)
    for body, status in ((fits, 200), (fits + b" ", 413), (50 * fits, 413)):
        declared = taking.post("/count", content=body, headers=kind)
        streamed = taking.post("/count", content=pieces(body), headers=kind)
        assert declared.status_code == streamed.status_code == status
        if status == 413:
            assert "1 MiB" in is_problem(declared, 413)["detail"]
            is_problem(streamed, 413)
    is_problem(taking.post("/count", content=50 * fits), 413)


def test_json_that_is_none_is_no_failure(taking: TestClient, is_problem: Problem) -> None:
    kind = {"Content-Type": "application/json"}
    for body in (
        b"",
        b"[",
        b"\xff",
        b'["\\ud800"]',
        b"[" * 100_000,
        b"[" + b"9" * 10_000 + b"]",
        b"[NaN, 1e999]",
        b"{}",
    ):
        answer = taking.post("/count", content=body, headers=kind)
        assert answer.status_code in (200, 400, 422), body[:20]
        if answer.status_code != 200:
            is_problem(answer, answer.status_code)


def test_an_upload_is_bounded_by_its_pair_alone(taking: TestClient, is_problem: Problem) -> None:
    body = bytes(BODY_BYTES + 1)
    url = "/v1/validate?pair=small-photos"  # takes 200 x 3072 float64, and a fourth more
    is_problem(taking.post(url, content=body), 422)
    assert "at most" in is_problem(taking.post(url, content=100 * body), 413)["detail"]


def test_a_url_of_2_kib_is_taken(taking: TestClient, is_problem: Problem) -> None:
    base = "/v1/pairs?cursor="
    longest = base + "x" * (URL_BYTES - len(base) + 1)  # the ? does not count
    is_problem(taking.get(longest), 400)
    is_problem(taking.get(longest + "x"), 414)
