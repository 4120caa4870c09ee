"""Health: is the process alive, and can it do its work?"""

from __future__ import annotations

import shutil

from fastapi import APIRouter
from sqlalchemy import text

from w1bench.archive import published
from w1bench_server.problems import busy
from w1bench_server.routes import read
from w1bench_server.service import Here
from w1bench_server.wire import Health

router = APIRouter(tags=["health"])


@read(router, "/livez")
def livez() -> Health:
    """The process answers."""
    return Health(status="alive")


@read(router, "/readyz")
def readyz(here: Here) -> Health:
    """The archive can be read, the database answers, the disk has room and no queue is full; else 503."""
    published(here.settings.archive)
    with here.ledger.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    here.scorer.check_place()
    if shutil.disk_usage(here.bodies.incoming).free < here.settings.min_free_bytes:
        raise busy("The disk is full; submissions are refused, downloads go on.")
    return Health(status="ready")
