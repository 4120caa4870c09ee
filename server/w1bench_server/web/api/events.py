"""Events: a job as a stream that says every change of it, until it has ended (text/event-stream)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator

from starlette.concurrency import run_in_threadpool

from w1bench_server.clients import Client, Places
from w1bench_server.jobs.job import Job
from w1bench_server.jobs.table import Jobs
from w1bench_server.web.api.schemas.jobs import job_row

MEDIA_TYPE = "text/event-stream"
_LOOK_SECONDS = 0.5
_HEARTBEAT_SECONDS = 15.0  # of silence, so that nobody between takes the connection to be dead
_RETRY = b"retry: 2000\n\n"  # milliseconds until a reader whose stream broke off comes again


class Streams:
    """The streams of a server, which hold `places` and are kept open for `seconds` each at most."""

    def __init__(self, jobs: Jobs, seconds: float, places: Places) -> None:
        self._jobs, self._seconds = jobs, seconds
        self.places = places

    async def events(self, job: Job, seen: int, client: Client) -> AsyncGenerator[bytes]:
        """The job as it is now, unless that version was `seen`, and after each change."""
        with self.places.held(client):
            yield _RETRY
            end = silent_since = time.monotonic()
            end += self._seconds
            while True:
                if job.version > seen:
                    seen, silent_since = job.version, time.monotonic()
                    yield _event(job)
                elif time.monotonic() - silent_since > _HEARTBEAT_SECONDS:
                    silent_since = time.monotonic()
                    yield b": still here\n\n"
                if not job.is_open or time.monotonic() > end:
                    return
                await asyncio.sleep(_LOOK_SECONDS)
                job = await run_in_threadpool(self._jobs.find, job.id)


def _event(job: Job) -> bytes:
    return f"id: {job.version}\nevent: {job.state}\ndata: {job_row(job).model_dump_json()}\n\n".encode()
