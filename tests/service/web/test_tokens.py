"""Tokens open what their scope says until they expire or are revoked, and are kept nowhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from support.processes import wait_for
from support.servers import serving
from w1bench.errors import InputError
from w1bench_server.database import connection as database
from w1bench_server.database.tables import tokens
from w1bench_server.errors import TokenError
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app
from w1bench_server.web.auth.tokens import Holder, create_token, holder, list_tokens, revoke_token

DATABASES = ("sqlite", "postgresql")
SUBMIT = "/v1/submissions?pair=small-d2-n4-p8&method=mine"


def test_a_token_names_its_holder_and_nothing_of_it_is_kept(settings: Settings) -> None:
    token = create_token(settings, user="ann", scope="admin")
    with database.opened(settings) as engine:
        assert holder(engine, token) == Holder("ann", "admin")
        secret = token.split("_", 2)[2]
        assert len(secret) >= 43  # 256 bits
        with engine.connect() as connection:
            rows = repr(connection.execute(select(tokens)).all())
    kept = rows.encode() + b"".join(path.read_bytes() for path in settings.data.glob("*"))
    assert secret.encode() not in kept
    assert token.split("_")[1].encode() in kept


def test_tokens_are_listed_without_digests_and_revoked_for_good(settings: Settings) -> None:
    first, second = (create_token(settings, user=user, days=days) for user, days in (("ann", 3), ("bob", None)))
    listed = list_tokens(settings)
    assert [(row["user"], row["scope"], row["expires_at"] is None) for row in listed] == [
        ("ann", "submit", False),
        ("bob", "submit", True),
    ]
    assert "digest" not in listed[0]
    for _ in range(2):
        revoke_token(settings, first.split("_")[1])
    with database.opened(settings) as engine:
        with pytest.raises(TokenError, match="revoked"):
            holder(engine, first)
        assert holder(engine, second).user == "bob"


def test_a_token_expires(settings: Settings) -> None:
    token = create_token(settings, user="ann", days=2)
    with database.opened(settings) as engine:
        assert holder(engine, token, now=datetime.now(UTC) + timedelta(days=1.9)).user == "ann"
        with pytest.raises(TokenError, match="expired"):
            holder(engine, token, now=datetime.now(UTC) + timedelta(days=2.1))


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: t + "x", lambda t: "x" + t, lambda t: "", lambda t: "ü_ü_"]
)
def test_almost_a_token_is_none(settings: Settings, change: Callable[[str], str]) -> None:
    token = create_token(settings, user="ann")
    with database.opened(settings) as engine, pytest.raises(TokenError, match="unknown"):
        holder(engine, change(token))


@pytest.mark.parametrize(
    "wrong", [{"user": "Ann!"}, {"user": ""}, {"user": "ann", "scope": "all"}, {"user": "ann", "days": 0}]
)
def test_nonsense_makes_no_token(settings: Settings, wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"\.$"):
        create_token(settings, **wrong)  # pyright: ignore[reportArgumentType]
    assert list_tokens(settings) == []


def test_revoking_what_is_not_there_says_so(settings: Settings) -> None:
    with pytest.raises(InputError, match="No token"):
        revoke_token(settings, "00000000")


def test_over_http_only_a_living_token_of_scope_submit_submits(
    client: TestClient,
    settings: Settings,
    bearer: Callable[..., dict[str, str]],
    is_problem: Callable[..., dict[str, object]],
) -> None:
    expired, revoked = (bearer(settings, user) for user in ("eve", "rob"))
    admin = bearer(settings, "pat", scope="admin")
    with database.opened(settings) as engine, database.writing(engine) as connection:
        of_eve = tokens.c.user == "eve"
        connection.execute(update(tokens).where(of_eve).values(expires_at="2020-01-01T00:00:00+00:00"))
    revoke_token(settings, revoked["Authorization"].split("_")[1])
    for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer w1b_0_0"}, expired, revoked):
        answer = client.post(SUBMIT, headers=headers, content=b"x")
        is_problem(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "scope" in str(is_problem(client.post(SUBMIT, headers=admin, content=b"x"), 403)["detail"])
    is_problem(client.post(SUBMIT, headers=bearer(settings), content=b"x"), 422)


def test_a_token_in_the_address_opens_nothing(
    client: TestClient, settings: Settings, bearer: Callable[..., dict[str, str]], is_problem: Callable[..., object]
) -> None:
    token = bearer(settings)["Authorization"].removeprefix("Bearer ")
    for name in ("token", "access_token", "authorization", "Authorization", "bearer"):
        is_problem(client.post(f"{SUBMIT}&{name}={token}", content=b"x"), 401)
    is_problem(client.post(SUBMIT, content=b"x", headers={"Cookie": f"token={token}; Authorization={token}"}), 401)


@pytest.mark.parametrize("revoked", [True, False])
def test_a_body_on_its_way_when_its_token_ends_is_not_recorded(
    settings: Settings,
    bearer: Callable[..., dict[str, str]],
    truth: dict[str, Any],
    npy: Callable[..., bytes],
    is_problem: Callable[..., dict[str, object]],
    revoked: bool,
) -> None:
    headers, body = bearer(settings), npy(truth["gradient"])
    prefix = headers["Authorization"].split("_")[1]

    def held() -> Iterator[bytes]:
        yield body[:100]
        wait_for(lambda: any((settings.data / "incoming").iterdir()))  # the service is receiving the rest
        if revoked:
            revoke_token(settings, prefix)
        else:
            with database.opened(settings) as engine, database.writing(engine) as connection:
                connection.execute(update(tokens).values(expires_at="2020-01-01T00:00:00+00:00"))
        yield body[100:]

    with serving(settings) as (_, client):
        answer = client.post(SUBMIT, content=held(), headers=headers)
        assert ("revoked" if revoked else "expired") in str(is_problem(answer, 401)["detail"])
    with database.opened(settings) as engine:
        assert Ledger(engine).rows() == []
    assert list((settings.data / "submissions").glob("*/*")) == []


def test_admins_make_list_and_revoke_tokens_over_http(
    settings: Settings, bearer: Callable[..., Any], is_problem: Callable[[Any, int], dict[str, Any]]
) -> None:
    admin, ann = bearer(settings, user="root", scope="admin"), bearer(settings)
    with TestClient(create_app(settings)) as client:
        for headers in ({}, ann):
            status = 403 if headers else 401
            is_problem(client.get("/v1/tokens", headers=headers), status)
            is_problem(client.post("/v1/tokens?user=eve", headers=headers), status)
            is_problem(client.post("/v1/tokens/0/revoke", headers=headers), status)
        for wrong in ("user=Eve!", "user=eve&scope=all", "user=eve&days=0", "user=w1bench", ""):
            is_problem(client.post(f"/v1/tokens?{wrong}", headers=admin), 422)
        made = client.post("/v1/tokens?user=eve&days=3", headers=admin)
        assert made.status_code == 201
        eve = {"Authorization": f"Bearer {made.json()['token']}"}
        assert client.get("/v1/whoami", headers=eve).json() == {"user": "eve", "scope": "submit"}
        listed = client.get("/v1/tokens", headers=admin)
        assert [token["user"] for token in listed.json()["tokens"]] == ["root", "ann", "eve"]
        assert made.json()["token"].split("_", 2)[2] not in listed.text
        prefix = listed.json()["tokens"][-1]["prefix"]
        is_problem(client.post("/v1/tokens/00000000/revoke", headers=admin), 404)
        assert client.post(f"/v1/tokens/{prefix}/revoke", headers=admin).json()["tokens"][-1]["revoked_at"]
        is_problem(client.get("/v1/whoami", headers=eve), 401)
