"""The endpoints of jobs: their state, as a row or as a stream of events; for admins also the list and cancelling."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from w1bench.storage.canonical import worded
from w1bench_server.admission_control import Client
from w1bench_server.jobs.job import STATES, Job
from w1bench_server.web.api import events
from w1bench_server.web.api import pagination as listing
from w1bench_server.web.api.schemas.jobs import JobPage, JobQueue, JobRow, JobState, job_row
from w1bench_server.web.auth.access import Admin
from w1bench_server.web.dependencies import ServiceDep, read


def job_answer(job: Job, status: int) -> Response:
    """The response with a job's row and its address."""
    return JSONResponse(job_row(job).model_dump(), status, {"Location": f"/v1/jobs/{job.id}"})


router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
_EVENT = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "event": {"enum": list(STATES)},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["id", "event", "data"],
}
_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events named by the job's state, with its row as data; their ids count its changes.",
        "content": {events.MEDIA_TYPE: {"schema": _EVENT}},
    },
    204: {"description": "The job has ended, and the client has seen its last change."},
}
_UNBUFFERED = {"X-Accel-Buffering": "no"}  # by an nginx in front
LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        pattern=worded(r"^[0-9]{1,9}$", "a number of at most 9 digits"),
        description="The last change that was seen.",
    ),
]


@read(router, "")
def list_jobs(
    service: ServiceDep,
    _: Admin,
    state: Annotated[JobState | None, Query(description="Only jobs in this state.")] = None,
    queue: Annotated[JobQueue | None, Query(description="Only jobs of this queue.")] = None,
    limit: Annotated[
        int, Query(ge=1, description="Jobs a page.", json_schema_extra={"maximum": listing.LARGEST_PAGE})
    ] = 100,
    cursor: Annotated[str | None, Query(description="`next` of the page before.")] = None,
) -> JobPage:
    """The jobs, the newest first."""
    return listing.job_page(service.jobs, limit=limit, cursor=cursor, state=state, queue=queue)


@read(router, "/{id}")
def get_job(service: ServiceDep, id: str) -> JobRow:  # noqa: A002 - its name in the address
    """A job's row."""
    return job_row(service.jobs.find(id))


@read(router, "/{id}/events", response_class=Response, responses=_EVENTS)
async def get_events(request: Request, service: ServiceDep, id: str, last: LastEventId = None) -> Response:  # noqa: A002
    """A job as server-sent events: as it is now, each change, and how it ended. `Last-Event-ID` leaves out what was seen."""
    streams: events.Streams = request.state.streams
    job, seen = await run_in_threadpool(service.jobs.find, id), int(last or 0)
    seen = seen if seen <= job.version else 0  # not a change of this job
    if not job.is_open and job.version <= seen:
        return Response(status_code=204)
    if request.method == "HEAD":
        return Response(media_type=events.MEDIA_TYPE)
    client: Client = request.state.client
    streams.places.check(client)
    return StreamingResponse(streams.events(job, seen, client), media_type=events.MEDIA_TYPE, headers=_UNBUFFERED)


@router.post("/{id}/cancel")
def cancel_job(service: ServiceDep, _: Admin, id: str) -> JobRow:  # noqa: A002
    """Cancel a job: at once where it has not begun, else as soon as its worker notices. One that has ended stays as it is."""
    job = service.jobs.cancel(id)
    if not job.is_open:
        service.bodies.forget_waiting(id)
    return job_row(job)
