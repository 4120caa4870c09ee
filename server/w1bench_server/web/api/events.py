"""Server-sent events: a job as a stream of its changes, until it has ended (text/event-stream)."""

import asyncio
import time
from collections.abc import AsyncGenerator

from starlette.concurrency import run_in_threadpool

from w1bench_server.admission_control import Client, Places
from w1bench_server.jobs.job import Job
from w1bench_server.jobs.queue import Jobs
from w1bench_server.web.api.schemas.jobs import job_row

MEDIA_TYPE = "text/event-stream"
_RETRY = b"retry: 2000\n\n"  # milliseconds until a reader reconnects after its stream broke off


class Streams:
    """The open streams of a server, which hold `places`, each for at most so many `seconds`.

    A job is looked up every `look_seconds`; after `heartbeat_seconds` of silence a stream says so, so that no proxy takes the
    connection for dead.
    """

    def __init__(
        self, jobs: Jobs, seconds: float, places: Places, *, look_seconds: float = 0.5, heartbeat_seconds: float = 15.0
    ) -> None:
        self._jobs, self._seconds = jobs, seconds
        self._look_seconds, self._heartbeat_seconds = look_seconds, heartbeat_seconds
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
                elif time.monotonic() - silent_since > self._heartbeat_seconds:
                    silent_since = time.monotonic()
                    yield b": still here\n\n"
                if not job.is_open or time.monotonic() > end:
                    return
                await asyncio.sleep(self._look_seconds)
                job = await run_in_threadpool(self._jobs.find, job.id)


def _event(job: Job) -> bytes:
    return f"id: {job.version}\nevent: {job.state}\ndata: {job_row(job).model_dump_json()}\n\n".encode()
