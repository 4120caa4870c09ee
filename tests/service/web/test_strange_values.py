"""NUL bytes, and numbers that no column holds, are the client's mistake at every address, whatever the database."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from w1bench_server.jobs.job import new_job
from w1bench_server.settings import Settings
from w1bench_server.web.app import COMMITTED

DATABASES = ("sqlite", "postgresql")
PAIR = "small-d2-n4-p8"
BIGINT, HUGE = 2**63, 10**400
RECIPE: dict[str, Any] = {
    "name": "asked", "power": 8.0, "half_width": 2.5, "source": {"kind": "uniform", "dim": 2}, "funnel": {"count": 4},
    "sizes": {"train": 300, "test": 200, "probe": 50, "w1_rays": 4096},
}  # fmt: skip


def cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


# Each with the status that it must have.
GETS = {
    "/pairs/%00": 404,
    "/submissions/%00": 404,
    "/submissions/a%00": 404,
    "/static/%00": 404,
    "/%00": 404,
    "/board?sort=%00": 422,
    f"/board?dim={BIGINT}": 422,
    "/board?family=%00": 422,
    f"/pairs/{PAIR}?metric=%00": 422,
    f"/pairs/{PAIR}?page={HUGE}": 422,
    "/badge/%00.svg": 404,
    "/v1/pairs?dim=%00": 422,
    f"/v1/pairs?dim={BIGINT}": 422,
    f"/v1/pairs?dim={HUGE}": 422,
    f"/v1/pairs?limit={BIGINT}": 400,
    f"/v1/pairs?limit={HUGE}": 400,
    f"/v1/pairs?cursor={cursor(chr(0))}": 400,
    "/v1/pairs?cursor=%00": 400,
    "/v1/pairs?track=%00": 422,
    "/v1/pairs?family=%00": 422,
    "/v1/pairs/%00": 404,
    f"/v1/pairs/{HUGE}": 404,
    f"/v1/pairs/{PAIR}%00": 404,
    "/v1/pairs/%00/certificate": 404,
    "/v1/pairs/%00/croissant.json": 404,
    "/v1/pairs/%00/submissions": 404,
    f"/v1/pairs/{PAIR}/submissions?cursor={cursor(str(HUGE) + chr(0))}": 400,
    f"/v1/pairs/{PAIR}/submissions?limit={BIGINT}": 400,
    f"/v1/pairs/{PAIR}/files/%00": 404,
    f"/v1/pairs/{PAIR}/files/test.h5%00": 404,
    f"/v1/pairs/{PAIR}/slice?file=%00&dataset=input": 404,
    f"/v1/pairs/{PAIR}/slice?file=test.h5&dataset=%00": 404,
    f"/v1/pairs/{PAIR}/slice?file=test.h5&dataset=input&start={BIGINT}": 422,
    f"/v1/pairs/{PAIR}/slice?file=test.h5&dataset=input&stop={HUGE}": 422,
    "/v1/submissions/%00": 404,
    "/v1/submissions/a%00": 404,
    f"/v1/submissions/{HUGE}": 404,
    "/v1/submissions/%00/body": 404,
    "/v1/jobs/%00": 404,
    "/v1/jobs/a%00b": 404,
    f"/v1/jobs/{HUGE}": 404,
    "/v1/jobs/%00/events": 404,
    "/v1/jobs?state=%00": 422,
    "/v1/jobs?queue=%00": 422,
    f"/v1/jobs?limit={BIGINT}": 400,
    f"/v1/jobs?cursor={cursor('2030-01-01T00:00:00.000+00:00 ' + chr(0))}": 400,
    f"/v1/jobs?cursor={cursor(chr(0))}": 400,
    f"/v1/leaderboard?as_of={BIGINT}": 422,
    "/v1/leaderboard?as_of=%00": 422,
    "/v1/leaderboard?pair=%00": 404,
    f"/v1/leaderboard?dim={BIGINT}": 422,
    "/v1/leaderboard?metric=%00": 422,
    "/v1/leaderboard?track=%00": 422,
    "/v1/leaderboard?family=%00": 422,
    "/v1/leaderboard?format=%00": 422,
    "/v1/compare?a=%00&b=%00": 404,
    f"/v1/compare?a={BIGINT}&b={BIGINT}": 404,
}
POSTS = {
    "/v1/validate?pair=%00": 404,
    "/v1/submissions?pair=%00&method=mine": 404,
    f"/v1/submissions?pair={PAIR}&method=a%00": 422,
    "/v1/submissions/%00/retract?reason=mine": 404,
    "/v1/submissions/a/retract?reason=%00": 422,
    "/v1/jobs/%00/cancel": 404,
    "/v1/jobs/a%00/cancel": 404,
    "/v1/tokens?user=%00&scope=submit": 422,
    "/v1/tokens/%00/revoke": 404,
}
RECIPES = {
    "NUL in the name": json.dumps(RECIPE | {"name": "a\0"}),
    "NUL in JSON": json.dumps(RECIPE)[:-1] + "\0}",
    "NUL in TOML": 'name = "a\0"',
    "escaped NUL in TOML": 'name = "a\\u0000"',
    "NUL in the source": json.dumps(RECIPE | {"source": {"kind": "uniform\0", "dim": 2}}),
    "version beyond an int": json.dumps(RECIPE | {"version": 2**31}),
    "version beyond bigint": json.dumps(RECIPE | {"version": BIGINT}),
    "version of 400 digits": json.dumps(RECIPE | {"version": HUGE}),
    "version of 400 digits in TOML": f'name = "asked"\nversion = {HUGE}',
    "seed beyond bigint": json.dumps(RECIPE | {"seed": BIGINT}),
    "seed of 400 digits": json.dumps(RECIPE | {"seed": HUGE}),
    "power of 400 digits": json.dumps(RECIPE | {"power": HUGE}),
    "half-width of 400 digits": json.dumps(RECIPE | {"half_width": HUGE}),
    "dimension beyond bigint": json.dumps(RECIPE | {"source": {"kind": "uniform", "dim": BIGINT}}),
    "dimension of 400 digits": json.dumps(RECIPE | {"source": {"kind": "uniform", "dim": HUGE}}),
    "funnels beyond bigint": json.dumps(RECIPE | {"funnel": {"count": BIGINT}}),
    "sizes beyond bigint": json.dumps(RECIPE | {"sizes": RECIPE["sizes"] | {"train": BIGINT}}),
    "rays of 400 digits": json.dumps(RECIPE | {"sizes": RECIPE["sizes"] | {"w1_rays": HUGE}}),
}
Problem = Callable[[Any, int], dict[str, Any]]


@pytest.fixture
def tokens(settings: Settings, bearer: Callable[..., dict[str, str]]) -> dict[str, dict[str, str]]:
    return {scope: bearer(settings, scope=scope) for scope in ("submit", "admin")}


def test_they_are_refused_at_every_address(
    client: TestClient, tokens: dict[str, dict[str, str]], is_problem: Problem
) -> None:
    def answer(method: str, address: str) -> Any:
        scope = "submit" if address.startswith("/v1/submissions") else "admin"
        return client.request(method, address, headers=tokens[scope])

    for method, addresses in (("GET", GETS), ("HEAD", GETS), ("POST", POSTS)):
        statuses = {address: answer(method, address).status_code for address in addresses}
        assert statuses == addresses, method
    for method, addresses in (("GET", GETS), ("POST", POSTS)):
        for address, status in addresses.items():
            is_problem(answer(method, address), status)


def test_they_are_refused_in_a_recipe(
    client: TestClient, tokens: dict[str, dict[str, str]], is_problem: Problem
) -> None:
    answers = {what: client.post("/v1/pairs", content=body, headers=tokens["admin"]) for what, body in RECIPES.items()}
    assert {what: answer.status_code for what, answer in answers.items()} == dict.fromkeys(RECIPES, 422)
    for answer in answers.values():
        is_problem(answer, 422)
    assert client.get("/v1/jobs", headers=tokens["admin"]).json()["jobs"] == []


@pytest.mark.parametrize("token", ["\0", "w1b_\0", "w1b_\0_secret", f"w1b_{HUGE}_x"])
def test_they_open_nothing_as_a_token(client: TestClient, is_problem: Problem, token: str) -> None:
    refused = client.get("/v1/jobs", headers={"Authorization": b"Bearer " + token.encode()})
    is_problem(refused, refused.status_code)
    assert refused.status_code in (400, 401)


def test_a_stream_of_an_existing_job_refuses_them_too(client: TestClient, is_problem: Problem) -> None:
    jobs = client.app_state["service"].jobs
    job, _ = jobs.add(new_job("build", user="ann", pair="x", content="c", document="{}"))
    for last in (str(BIGINT), str(HUGE)):
        is_problem(client.get(f"/v1/jobs/{job.id}/events", headers={"Last-Event-ID": last}), 422)
    is_problem(client.get(f"/v1/jobs/{job.id}%00/events"), 404)


def test_every_operation_that_takes_a_value_is_asked() -> None:
    paths = json.loads(COMMITTED.read_text())["paths"]
    wanted = {
        (method.upper(), path)
        for path, operations in paths.items()
        for method, operation in operations.items()
        if operation.get("parameters")
    }
    asked = [("GET", address) for address in GETS] + [("POST", address) for address in [*POSTS, "/v1/pairs"]]
    missing = {
        (method, path)
        for method, path in wanted
        if not any(m == method and re.fullmatch(_pattern(path), urlsplit(address).path) for m, address in asked)
    }
    assert missing == set()


def _pattern(path: str) -> str:
    """What addresses of a path look like."""
    return re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))
