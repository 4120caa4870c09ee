"""Every response says what a browser may do with it, and only what is public may be kept or read from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app

EVERYWHERE = [
    "/", "/pairs/small-d2-n4-p8", "/static/style.css", "/v1/pairs", "/v1/pairs/small-d2-n4-p8/files/test.h5", "/nothing",
    "/v1/pairs/small-d2-n4-p8/slice?file=test.h5&dataset=input", "/livez", "/readyz", "/openapi.json", "/fail",
]  # fmt: skip


@pytest.mark.parametrize("public_url", [None, "http://w1.example.org", "https://w1.example.org"])
def test_every_response_protects_its_reader(settings: Settings, public_url: str | None) -> None:
    app = create_app(settings.model_copy(update={"public_url": public_url}))
    app.add_api_route("/fail", lambda: 1 / 0)
    with TestClient(app, raise_server_exceptions=False) as client:
        answers = [
            client.request(method, path) for path in EVERYWHERE for method in ("GET", "HEAD", "DELETE", "OPTIONS")
        ]
    assert {answer.status_code for answer in answers} == {200, 404, 405, 500}
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["content-security-policy"].startswith(
            "default-src 'none'; img-src 'self'; style-src 'self'"
        )
        assert ("strict-transport-security" in answer.headers) == (public_url == "https://w1.example.org")


def test_private_answers_are_kept_nowhere(
    shared: TestClient, shared_settings: Settings, bearer: Callable[..., Any]
) -> None:
    ann = bearer(shared_settings)
    for answer in (
        shared.get("/v1/pairs", headers=ann),
        shared.post("/v1/submissions?pair=small-d2-n4-p8&method=mine", headers=ann),
        shared.post("/v1/validate?pair=small-d2-n4-p8", content=b"x"),
        shared.get("/nothing"),
    ):
        assert answer.headers["cache-control"] == "no-store"
    assert shared.get("/v1/pairs").headers["cache-control"] == "no-cache"


def test_a_page_of_another_origin_may_read_and_nothing_else(shared: TestClient) -> None:
    origin = {"Origin": "https://elsewhere.example"}
    for path in ("/v1/pairs", "/v1/submissions", "/v1/pairs/small-d2-n4-p8/files/test.h5"):
        for method, asked in (("GET", "range"), ("POST", "authorization")):
            preflight = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": asked}
            answer = shared.options(path, headers=origin | preflight)
            assert (answer.status_code, answer.content) == (204, b"")
            assert answer.headers["access-control-allow-origin"] == "*"
            assert answer.headers["access-control-allow-methods"] == "GET, HEAD"
            allowed = answer.headers["access-control-allow-headers"].lower()
            assert "range" in allowed
            assert "authorization" not in allowed
            assert "access-control-allow-credentials" not in answer.headers
            assert answer.headers["x-request-id"]
    assert shared.get("/v1/pairs", headers=origin).headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in shared.post("/v1/validate", headers=origin).headers
