"""A client has its number of requests a minute, by its token or its address; nobody gets more by what he writes into headers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import Request
from starlette.testclient import TestClient

from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app

Problem = Callable[[Any, int], dict[str, Any]]
FEW = 3


@pytest.fixture(autouse=True)
def _within_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limiter's clock stands still, so that no test runs into the next minute."""
    clock = SimpleNamespace(time=partial(float, time.time()))
    for module in ("limits.storage.memory", "limits.strategies"):
        monkeypatch.setattr(f"{module}.time", clock)


@contextmanager
def limited(settings: Settings, address: str = "192.0.2.1", **changes: Any) -> Iterator[TestClient]:
    """A service that takes a few requests a minute; its client has that address."""
    few = settings.model_copy(update={"requests_per_minute": FEW, **changes})
    with TestClient(create_app(few), client=(address, 1), raise_server_exceptions=False) as client:
        yield client


def statuses(client: TestClient, headers: Callable[[int], dict[str, str]], count: int = FEW + 1) -> list[int]:
    return [client.get("/v1/pairs", headers=headers(i)).status_code for i in range(count)]


ALL_BUT_ONE = [200] * FEW + [429]


def test_one_more_is_429_and_says_when_to_come_back(settings: Settings, is_problem: Problem) -> None:
    with limited(settings) as client:
        assert statuses(client, lambda _: {}) == ALL_BUT_ONE
        refused = client.get("/nothing")
        assert f"{FEW} requests a minute" in is_problem(refused, 429)["detail"]
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.headers["access-control-allow-origin"] == "*"
        assert client.get("/livez").status_code == 200


def test_a_token_has_its_own_number_on_top_of_the_address(settings: Settings, bearer: Callable[..., Any]) -> None:
    with limited(settings) as client:
        ann, bob = bearer(settings), bearer(settings, "bob")
        assert statuses(client, lambda _: {}) == ALL_BUT_ONE
        assert statuses(client, lambda _: ann) == ALL_BUT_ONE
        assert statuses(client, lambda _: bob) == ALL_BUT_ONE


def test_tokens_that_open_nothing_count_for_the_address(settings: Settings, bearer: Callable[..., Any]) -> None:
    with limited(settings) as client:
        right = bearer(settings)["Authorization"]

        def forged(number: int) -> dict[str, str]:
            return {"Authorization": f"Bearer w1b_{number}_x" if number % 2 else f"{right}{number}"}

        assert statuses(client, forged) == ALL_BUT_ONE


def test_nobody_is_believed_who_forwards_unless_he_is_trusted(settings: Settings) -> None:
    def forwarded(number: int) -> dict[str, str]:
        return {"X-Forwarded-For": f"203.0.113.{number}"}

    with limited(settings) as client:
        assert statuses(client, forwarded) == ALL_BUT_ONE
    with limited(settings, trusted_proxies=("198.51.100.0/24",)) as client:
        assert statuses(client, forwarded) == ALL_BUT_ONE
    with limited(settings, trusted_proxies=("192.0.2.1/32",)) as client:
        assert statuses(client, forwarded) == [200] * (FEW + 1)


def test_of_a_chain_the_last_one_that_is_not_trusted_counts(settings: Settings) -> None:
    def forwarded(number: int) -> dict[str, str]:
        return {"X-Forwarded-For": f"203.0.113.{number}, 203.0.113.99, 192.0.2.7"}

    with limited(settings, trusted_proxies=("192.0.2.0/24",)) as client:
        assert statuses(client, forwarded) == ALL_BUT_ONE


def test_the_scheme_of_a_trusted_proxy_is_that_of_addresses(settings: Settings) -> None:
    proto = {"X-Forwarded-Proto": "https", "Host": "w1.example.org"}
    app = create_app(settings.model_copy(update={"trusted_proxies": ("192.0.2.1/32",)}))

    def scheme(request: Request) -> str:
        return request.scope["scheme"]

    app.add_api_route("/scheme", scheme)
    for address, believed in (("192.0.2.1", "https"), ("192.0.2.2", "http")):
        with TestClient(app, client=(address, 1)) as client:
            assert client.get("/scheme", headers=proto).json() == believed


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
    ],
)
def test_an_ipv6_client_is_its_network(settings: Settings, first: str, second: str, same: bool) -> None:
    app = create_app(settings.model_copy(update={"requests_per_minute": FEW}))
    with TestClient(app, client=(first, 1)) as client:
        assert statuses(client, lambda _: {}) == ALL_BUT_ONE
    with TestClient(app, client=(second, 1)) as client:
        assert client.get("/v1/pairs").status_code == (429 if same else 200)
