"""Routes: the addresses of the service, each a model in, one function, a model out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from w1bench_server import wire
from w1bench_server.jobs import Job

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def read(router: APIRouter, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
    """`router.get`, with HEAD answered beside GET; the schema describes GET alone."""

    def register(endpoint: Endpoint) -> Endpoint:
        hidden: dict[str, Any] = options | {"include_in_schema": False}
        router.head(path, **hidden)(endpoint)
        return router.get(path, **options)(endpoint)

    return register


def job_answer(job: Job, status: int) -> Response:
    """The row of a job, and where it can be looked at again."""
    return JSONResponse(wire.job_row(job).model_dump(), status, {"Location": f"/v1/jobs/{job.id}"})
