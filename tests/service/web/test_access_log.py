"""The log has one JSON line a request, under its id, and neither token nor query nor body."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app

FIELDS = {"event", "level", "logger", "timestamp", "request_id", "method", "path", "route", "status", "bytes", "seconds", "client"}  # fmt: skip
PROGRAM = """
import sys
from starlette.testclient import TestClient
from w1bench_server import logs
from w1bench_server.web.app import create_app
from w1bench_server.settings import Settings
logs.configure("info")
app = create_app(Settings.model_validate_json(sys.argv[1]))
app.add_api_route("/fail", lambda: 1 / 0)
with TestClient(app, raise_server_exceptions=False) as client:
    for path in ("/v1/pairs?token=SECRET-QUERY", "/fail", "/a%0Ab"):
        answer = client.get(path, headers={"Authorization": "Bearer w1b_x_SECRET-TOKEN", "X-Forwarded-For": "9.9.9.9"})
        print(answer.headers["x-request-id"])
    client.post("/v1/validate?pair=small-d2-n4-p8", content=b"SECRET-BODY")
"""


def test_each_request_has_its_line_of_json(settings: Settings) -> None:
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, settings.model_dump_json()],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in map(json.loads, done.stderr.splitlines()) if line["logger"] != "httpx2"]  # the client's
    requests = [line for line in lines if line["logger"] == "w1bench_server.web.middleware.access_log"]
    assert [(line["route"], line["status"]) for line in requests] == [
        ("/v1/pairs", 200), ("/fail", 500), ("none", 404), ("/v1/validate", 422),
    ]  # fmt: skip
    assert all(set(line) == FIELDS and line["event"] == "request" for line in requests)
    assert [line["request_id"] for line in requests][:3] == done.stdout.split()
    assert {line["client"] for line in requests} == {"testclient"}
    assert requests[2]["path"] == "/a\nb"
    (failure,) = [line for line in lines if line["logger"] == "w1bench_server.web.problems"]
    assert requests[1]["request_id"] in failure["event"]
    assert "SECRET" not in str(lines)


def test_an_answer_that_broke_off_still_has_its_line(
    settings: Settings, caplog: pytest.LogCaptureFixture, bearer: Callable[..., Any]
) -> None:
    app = create_app(settings)

    def fail() -> None:
        raise RuntimeError("secret")

    app.add_api_route("/fail", fail)
    with (
        caplog.at_level(logging.INFO, "w1bench_server.web.middleware.access_log"),
        TestClient(app, raise_server_exceptions=False) as client,
    ):
        assert client.get("/fail").status_code == 500
        assert client.get("/v1/pairs/small-d2-n4-p8/files/test.h5", headers={"Range": "bytes=0-99"}).status_code == 206
    lines = [vars(record) for record in caplog.records if record.name == "w1bench_server.web.middleware.access_log"]
    assert [(line["status"], line["bytes"]) for line in lines] == [(500, 0), (206, 100)]
