"""What the endpoints share: the service as a dependency, the client's view of its address, and HEAD beside GET."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request

from w1bench_server.errors import ProblemError
from w1bench_server.service import Service

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def read(router: APIRouter, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
    """As `router.get`, which answers HEAD too; the schema describes GET alone."""

    def register(endpoint: Endpoint) -> Endpoint:
        hidden: dict[str, Any] = options | {"include_in_schema": False}
        router.head(path, **hidden)(endpoint)
        return router.get(path, **options)(endpoint)

    return register


_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")


def _service(request: Request) -> Service:
    return request.state.service


ServiceDep = Annotated[Service, Depends(_service)]


def _origin(request: Request, service: ServiceDep) -> str:
    if service.settings.public_url:
        return service.settings.public_url
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        raise ProblemError(400, "The Host header is not well formed; leave it to your HTTP client.")
    return f"{request.scope['scheme']}://{host}"


# The beginning of absolute URLs, as the client sees the service.
Origin = Annotated[str, Depends(_origin)]
