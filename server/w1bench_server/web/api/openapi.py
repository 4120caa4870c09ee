"""The OpenAPI document: FastAPI's, with every error described as a problem."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from w1bench_server.web.problems import MEDIA_TYPE, Problem

_TITLE = "w1bench"
_VERSION = "1"  # of the surface, not of the software
_REF = "#/components/schemas/"
_ANYWHERE = {400, 414, 429, 500, 503}
_OF_BODIES = {413, 415, 507}


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of an app."""
    described = get_openapi(title=_TITLE, version=_VERSION, description=app.description, routes=app.routes)
    schema = Problem.model_json_schema(ref_template=_REF + "{model}")
    schemas: dict[str, Any] = described["components"]["schemas"]
    schemas |= schema.pop("$defs") | {Problem.__name__: schema}
    answer = {"description": "A problem.", "content": {MEDIA_TYPE: {"schema": {"$ref": f"{_REF}Problem"}}}}
    for path, operations in described["paths"].items():
        for operation in operations.values():
            for status in _refusals(path, operation):
                operation["responses"][str(status)] = answer
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return described


def _refusals(path: str, operation: dict[str, Any]) -> set[int]:
    """The error statuses of an operation: those that its route names, and those that follow from its parameters."""
    refusals = {int(status) for status in operation["responses"] if int(status) >= 400} | _ANYWHERE
    if "{" in path or any(parameter["name"] == "pair" for parameter in operation.get("parameters", [])):
        refusals |= {404}
    if "security" in operation:
        refusals |= {401, 403}
    if "requestBody" in operation:
        refusals |= _OF_BODIES
    return refusals
