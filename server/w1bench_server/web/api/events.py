"""Events: a job as a stream that says every change of it, until it has ended (text/event-stream)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator

from starlette.concurrency import run_in_threadpool

from w1bench_server.errors import busy
from w1bench_server.jobs.job import Job
from w1bench_server.jobs.table import Jobs
from w1bench_server.web.api.schemas.jobs import job_row

MEDIA_TYPE = "text/event-stream"
_LOOK_SECONDS = 0.5
_HEARTBEAT_SECONDS = 15.0  # of silence, so that nobody between takes the connection to be dead
_RETRY = b"retry: 2000\n\n"  # milliseconds until a reader whose stream broke off comes again
_MOST_STREAMS = 100  # of a server


class Streams:
    """The streams of a server, which are kept open for `seconds` each at most."""

    def __init__(self, jobs: Jobs, seconds: float) -> None:
        self._jobs, self._seconds = jobs, seconds
        self._count = 0

    def check_place(self) -> None:
        """Raise a 503 if there are too many already."""
        if self._count >= _MOST_STREAMS:
            raise busy("Too many streams of events are open; look at the job itself, or come again in a while.")

    async def events(self, job: Job, seen: int) -> AsyncGenerator[bytes]:
        """The job as it is now, unless that version was `seen`, and after each change."""
        self._count += 1
        try:
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
        finally:
            self._count -= 1


def _event(job: Job) -> bytes:
    return f"id: {job.version}\nevent: {job.state}\ndata: {job_row(job).model_dump_json()}\n\n".encode()
