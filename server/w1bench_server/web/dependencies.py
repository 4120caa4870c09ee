"""What the endpoints share: the service as a dependency, the client's view of its address, and HEAD beside GET.

What waits for nothing is asynchronous, so that no thread is asked for it.
"""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request

from w1bench_server.service import Service

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def read(router: APIRouter, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
    """As `router.get`, which answers HEAD too; the schema describes GET alone."""

    def register(endpoint: Endpoint) -> Endpoint:
        hidden: dict[str, Any] = options | {"include_in_schema": False}
        router.head(path, **hidden)(endpoint)
        return router.get(path, **options)(endpoint)

    return register


async def _service(request: Request) -> Service:
    return request.state.service


ServiceDep = Annotated[Service, Depends(_service)]


async def _origin(service: ServiceDep) -> str:
    return service.settings.public_url or ""


# The beginning of the links in answers. Without a public URL they are relative: a Host header is anybody's word.
Origin = Annotated[str, Depends(_origin)]
