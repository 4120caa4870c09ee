"""Every error is a problem: a sentence, a request id, and nothing of what was sent."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app

Problem = Callable[[Any, int], dict[str, Any]]


def test_what_is_not_there_is_404(shared: TestClient, is_problem: Problem) -> None:
    for path in (
        "/nothing",
        "/v1",
        "/v1/pairs/",
        "/v1/pairs/nothing",
        "/submissions/nothing",
        "/static/nothing",
        "/redoc",
    ):
        is_problem(shared.get(path), 404)
        assert shared.head(path).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/pairs", "GET, HEAD, POST"),
        ("DELETE", "/v1/pairs/small-d2-n4-p8/files/test.h5", "GET, HEAD"),
        ("GET", "/v1/submissions", "POST"),
        ("PUT", "/v1/submissions/x", "GET, HEAD"),
        ("OPTIONS", "/", "GET, HEAD"),
        ("GET", "/v1/validate", "POST"),
    ],
)
def test_the_wrong_method_is_405_and_the_right_ones_are_named(
    shared: TestClient, is_problem: Problem, method: str, path: str, allowed: str
) -> None:
    answer = shared.request(method, path)
    is_problem(answer, 405)
    assert answer.headers["allow"] == allowed


def test_a_failure_of_our_own_is_500_and_says_nothing_about_itself(settings: Settings, is_problem: Problem) -> None:
    app = create_app(settings)

    def fail() -> None:
        raise RuntimeError("secret")

    app.add_api_route("/fail", fail)
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/fail")
    is_problem(answer, 500)
    assert "secret" not in answer.text
    assert answer.headers["access-control-allow-origin"] == "*"


def test_an_overlong_address_is_414(shared: TestClient, is_problem: Problem) -> None:
    is_problem(shared.get("/v1/pairs", params={"cursor": "x" * 2100}), 414)
    is_problem(shared.get("/" + "x" * 2100), 414)


@pytest.mark.parametrize("host", ["", "a b", "<script>", "[::", "x" * 300, "a/b"])
def test_no_host_is_repeated(shared: TestClient, host: str) -> None:
    answer = shared.get("/v1/leaderboard", headers={"Host": host})
    assert answer.status_code == 200
    assert not host or host not in answer.text + str(answer.headers)


STRANGE = ["NaN", "1e999", "-1e999", "%00", "%ED%A0%80", "%F0%9F", "\u0661", "%2e%2e%2f", "9" * 1500, "<b>", "[]", "{}"]


@pytest.mark.parametrize("value", STRANGE)
@pytest.mark.parametrize(
    "path",
    [
        "/v1/pairs?dim={}",
        "/v1/pairs?limit={}",
        "/v1/pairs?track={}",
        "/v1/pairs/{}",
        "/v1/pairs/{}/certificate",
        "/v1/pairs/small-d2-n4-p8/files/{}",
        "/v1/pairs/small-d2-n4-p8/slice?file={}&dataset=input",
        "/v1/pairs/small-d2-n4-p8/slice?file=test.h5&dataset={}",
        "/v1/pairs/small-d2-n4-p8/slice?file=test.h5&dataset=input&start={}",
        "/v1/submissions/{}",
        "/v1/leaderboard?pair={}",
        "/v1/leaderboard?metric={}",
        "/v1/leaderboard?format={}",
        "/pairs/{}",
        "/board?sort={}",
        "/submissions/{}",
    ],
)
def test_nothing_that_is_sent_makes_a_failure_or_comes_back(
    shared: TestClient, is_problem: Problem, path: str, value: str
) -> None:
    answer = shared.get(path.format(value))
    assert answer.status_code in (400, 404, 422)
    is_problem(answer, answer.status_code)
    if len(value) > 4:
        assert value not in answer.text


def test_strange_json_is_no_submission(shared: TestClient, is_problem: Problem) -> None:
    for body in (b'{"a": NaN}', b'{"a": 1e999}', b'{"a": "\\ud800"}', b"[" * 100_000):
        answer = shared.post(
            "/v1/validate?pair=small-d2-n4-p8", content=body, headers={"Content-Type": "application/json"}
        )
        is_problem(answer, answer.status_code)
        assert answer.status_code in (413, 422)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/livez",
        "/readyz",
        "/openapi.json",
        "/static/style.css",
        "/pairs/small-d2-n4-p8",
        "/v1/pairs",
        "/v1/pairs/small-d2-n4-p8",
        "/v1/pairs/small-d2-n4-p8/certificate",
        "/v1/leaderboard",
        "/v1/leaderboard?format=csv",
        "/v1/leaderboard?metric=nothing",
    ],
)
def test_head_is_answered_wherever_get_is(shared: TestClient, path: str) -> None:
    whole, head = shared.get(path), shared.head(path)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]
    assert head.headers["content-length"] == whole.headers["content-length"]


def test_every_response_carries_its_own_id_and_may_be_read_anywhere(shared: TestClient) -> None:
    answers = [shared.get(path) for path in ("/livez", "/nothing", "/", "/static/style.css")]
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
    assert "access-control-allow-origin" not in shared.post("/v1/validate").headers


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("method=%20x", "query method: it must be 1 to 64 printable ASCII characters"),
        ("", "query method: it is needed"),
        ("method=m&seed=x", "query seed: it must be a whole number"),
        ("method=m&seed=-1", "query seed: it must be at least 0"),
        ("method=m&data=both", "query data: it must be 'train' or 'fresh'"),
        ("method=m&trains=perhaps", "query trains: it must be true or false"),
        ("method=m&seconds=nan", "query seconds: it must be a finite number"),
        ("method=m&paper=" + 301 * "x", "query paper: it must have at most 300 characters"),
        ("method=m&paper=a%0ab", "query paper: it must be one line of text"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(
    query: str, words: str, shared: TestClient, shared_settings: Settings, bearer: Callable[..., Any], is_problem: Any
) -> None:
    answer = shared.post(f"/v1/submissions?pair=small-d2-n4-p8&{query}", headers=bearer(shared_settings), content=b"x")
    detail = is_problem(answer, 422)["detail"]
    assert words in detail
    assert not re.search(r"pattern|pydantic|\^|Input should|valid (integer|string)", answer.text)
