"""The endpoints of liveness, readiness and metrics."""

from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel

from w1bench_server.errors import ProblemPart, busy
from w1bench_server.web.dependencies import ServiceDep, read
from w1bench_server.web.health.prometheus import CONTENT_TYPE, Watched
from w1bench_server.web.health.readiness import Readiness, checks


class Health(BaseModel):
    """The answer of a service that is alive."""

    status: str


router = APIRouter(tags=["health"])
_METRICS: dict[int | str, dict[str, Any]] = {
    200: {"description": "In the text format of Prometheus.", "content": {"text/plain": {"schema": {"type": "string"}}}}
}


@read(router, "/livez")
async def livez() -> Health:
    """The process answers."""
    return Health(status="alive")


@read(router, "/readyz")
def readyz(service: ServiceDep) -> Readiness:
    """The archive can be read, the database written, the place of bodies reached, the disk has room, no upload waits too long, no file is damaged; else 503."""
    results = checks(service)
    failed = [ProblemPart(pointer=f"#/{check.name}", detail=check.detail) for check in results if not check.ok]
    if failed:
        raise busy(" ".join(part.detail for part in failed), parts=failed)
    return Readiness(status="ready", checks=results)


@read(router, "/metrics", response_class=Response, responses=_METRICS)
def metrics(monitor: Watched) -> Response:
    """Counts and times of this process."""
    return Response(monitor.text(), media_type=CONTENT_TYPE)
