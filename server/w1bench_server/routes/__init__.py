"""Routes: the addresses of the service, each a model in, one function, a model out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import APIRouter

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def read(router: APIRouter, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
    """`router.get`, with HEAD answered beside GET; the schema describes GET alone."""

    def register(endpoint: Endpoint) -> Endpoint:
        hidden: dict[str, Any] = options | {"include_in_schema": False}
        router.head(path, **hidden)(endpoint)
        return router.get(path, **options)(endpoint)

    return register
