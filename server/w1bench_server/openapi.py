"""The OpenAPI document: FastAPI's, with a problem as the answer of every error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from w1bench_server.problems import MEDIA_TYPE, Problem

COMMITTED = Path(__file__).with_name("openapi.json")

_TITLE = "w1bench"
_VERSION = "1"  # of the surface, not of the software
_REF = "#/components/schemas/"


def document(app: FastAPI) -> dict[str, Any]:
    """The document of an app."""
    described = get_openapi(title=_TITLE, version=_VERSION, description=app.description, routes=app.routes)
    schema = Problem.model_json_schema(ref_template=_REF + "{model}")
    schemas: dict[str, Any] = described["components"]["schemas"]
    schemas |= schema.pop("$defs") | {Problem.__name__: schema}
    answer = {"description": "A problem.", "content": {MEDIA_TYPE: {"schema": {"$ref": f"{_REF}Problem"}}}}
    for operations in described["paths"].values():
        for operation in operations.values():
            operation["responses"]["default"] = answer
            operation["responses"].pop("422", None)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return described


def text(app: FastAPI) -> str:
    """The committed file's content."""
    return json.dumps(document(app), indent=1, sort_keys=True) + "\n"


def write() -> None:
    """Write the committed file anew."""
    from w1bench_server.app import create_app
    from w1bench_server.settings import Settings

    COMMITTED.write_text(text(create_app(Settings())), encoding="utf-8")
