"""The pages on which something is done: submit, follow jobs, administer."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import TypeAdapter, ValidationError

from w1bench.archive.manifest import PairState
from w1bench.client.metadata import NAMES, Metadata, metadata
from w1bench.errors import SubmissionError
from w1bench.site import descriptions, views
from w1bench.storage.canonical import first_fault
from w1bench_server.jobs.job import QUEUES, STATES
from w1bench_server.web.api.schemas.jobs import job_row
from w1bench_server.web.dependencies import ServiceDep, read
from w1bench_server.web.pages.answers import ContentDep, address, page

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
Word = Annotated[str, Query(max_length=64)]
_METADATA = TypeAdapter(Metadata)


@read(router, "/submit")
def submit_page(request: Request, content: ContentDep, pair: Word = "", method: Word = "") -> Response:
    """A form that sends a file, and the commands that do the same, with what the form's fields say."""
    manifests = [manifest for manifest in content.manifests.values() if manifest.state is not PairState.REVEALED]
    name = pair if pair in {manifest.name for manifest in manifests} else views.example(content)
    snippets = descriptions.commands(address(request), name, method or "mine", _said(request))
    context = {"section": "submit", "pairs": manifests, "pair": name, "method": method, "snippets": snippets}
    return page(request, "submit.html", context)


@read(router, "/jobs")
def jobs_page(request: Request, service: ServiceDep, id: Word = "") -> Response:  # noqa: A002 - its name in the address
    """How many jobs there are, and the way to one."""
    if id:
        return RedirectResponse(f"/jobs/{service.jobs.find(id).id}", 303)
    context = {"section": "jobs", "job": None, "counts": service.jobs.counts(), "queues": QUEUES, "states": STATES}
    return page(request, "jobs.html", context)


@read(router, "/jobs/{id}")
def job_page(request: Request, service: ServiceDep, id: str) -> Response:  # noqa: A002
    """A job, whose page follows it to its end."""
    return page(request, "jobs.html", {"section": "jobs", "job": job_row(service.jobs.find(id))})


@read(router, "/admin")
async def admin_page(request: Request) -> Response:
    """Tokens, retractions and jobs, for those who hold an admin token."""
    return page(request, "admin.html", {"section": "admin"})


def _said(request: Request) -> Metadata:
    """What the fields of the form say; empty ones say nothing.

    Raises:
        SubmissionError: a field is not of its kind.
    """
    fields = {name: text for name, text in request.query_params.items() if name in NAMES and text}
    try:
        return metadata(_METADATA.validate_python(fields).given())
    except ValidationError as error:
        raise SubmissionError(
            f"The field {first_fault(error, 'of the form')}; correct it, or leave it empty."
        ) from None
