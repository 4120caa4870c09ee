"""Health: is the process alive, can it do its work, and how much has it done?"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel

from w1bench_server.errors import ProblemPart, busy
from w1bench_server.web.health.metrics import CONTENT_TYPE, Watched
from w1bench_server.web.health.readiness import Readiness, checks
from w1bench_server.web.routing import Here, read


class Health(BaseModel):
    """That the service lives, or is ready."""

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
def readyz(here: Here) -> Readiness:
    """The archive can be read, the database written, the disk has room, no upload waits too long, no file is damaged; else 503."""
    found = checks(here)
    failed = [ProblemPart(pointer=f"#/{check.name}", detail=check.detail) for check in found if not check.ok]
    if failed:
        raise busy(" ".join(part.detail for part in failed), parts=failed)
    return Readiness(status="ready", checks=found)


@read(router, "/metrics", response_class=Response, responses=_METRICS)
def metrics(monitor: Watched) -> Response:
    """Counts and times of this process."""
    return Response(monitor.text(), media_type=CONTENT_TYPE)
