"""The committed openapi.json is the service's, and describes problems for every error."""

from __future__ import annotations

import json

from starlette.testclient import TestClient

from w1bench_server.settings import Settings
from w1bench_server.web.app import COMMITTED, create_app, text
from w1bench_server.web.problems import Problem


def test_the_committed_document_is_current(settings: Settings) -> None:
    assert text(create_app(settings)) == COMMITTED.read_text(encoding="utf-8"), (
        "run the command in docs/service.md that writes openapi.json anew"
    )


def test_it_is_what_the_service_says(shared: TestClient) -> None:
    assert shared.get("/openapi.json").json() == json.loads(COMMITTED.read_text(encoding="utf-8"))


def test_every_error_of_an_operation_is_a_problem() -> None:
    document = json.loads(COMMITTED.read_text(encoding="utf-8"))
    assert set(document["components"]["schemas"]["Problem"]["properties"]) == set(Problem.model_fields)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            errors = {status: answer for status, answer in operation["responses"].items() if not status < "400"}
            assert {"400", "414", "429", "500", "503"} <= set(errors), (path, method)
            assert "default" not in errors  # which would document every status
            for answer in errors.values():
                assert list(answer["content"]) == ["application/problem+json"], (path, method)
    submitting = document["paths"]["/v1/submissions"]["post"]["responses"]
    assert {"200", "201", "401", "403", "404", "409", "413", "415", "422", "507"} <= set(submitting)
    text = json.dumps(document)
    names = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert names <= set(document["components"]["schemas"])
