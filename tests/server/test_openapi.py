"""The committed openapi.json is the service's, and describes problems for every error."""

from __future__ import annotations

import json

from starlette.testclient import TestClient

from w1bench_server import openapi
from w1bench_server.app import create_app
from w1bench_server.problems import Problem
from w1bench_server.settings import Settings


def test_the_committed_document_is_current(settings: Settings) -> None:
    assert openapi.text(create_app(settings)) == openapi.COMMITTED.read_text(encoding="utf-8"), (
        "run the command in docs/service.md that writes openapi.json anew"
    )


def test_it_is_what_the_service_says(shared: TestClient) -> None:
    assert shared.get("/openapi.json").json() == json.loads(openapi.COMMITTED.read_text(encoding="utf-8"))


def test_every_operation_may_answer_with_a_problem() -> None:
    document = json.loads(openapi.COMMITTED.read_text(encoding="utf-8"))
    assert set(document["components"]["schemas"]["Problem"]["properties"]) == set(Problem.model_fields)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            content = operation["responses"]["default"]["content"]
            assert list(content) == ["application/problem+json"], (path, method)
    text = json.dumps(document)
    names = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert names <= set(document["components"]["schemas"])
