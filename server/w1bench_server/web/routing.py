"""Routes: the addresses of the service, each a model in, one function, a model out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request

from w1bench_server.service import Service

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def read(router: APIRouter, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
    """`router.get`, with HEAD answered beside GET; the schema describes GET alone."""

    def register(endpoint: Endpoint) -> Endpoint:
        hidden: dict[str, Any] = options | {"include_in_schema": False}
        router.head(path, **hidden)(endpoint)
        return router.get(path, **options)(endpoint)

    return register


def _service(request: Request) -> Service:
    return request.state.service


Here = Annotated[Service, Depends(_service)]


def _origin(here: Here) -> str:
    return here.settings.public_url or ""


# Where the world sees the service, which links in answers begin with; without it they are relative, for a Host is what a stranger says.
Origin = Annotated[str, Depends(_origin)]
