"""The endpoints of submissions: validate, submit, look up, download and retract."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from w1bench.diagnostics.findings.facts import check_fits
from w1bench.diagnostics.findings.sentences import Finding
from w1bench.scoring.submission import largest_bytes
from w1bench_server.database.times import now
from w1bench_server.errors import ProblemError
from w1bench_server.jobs.job import Job
from w1bench_server.ledger.records import Retraction
from w1bench_server.pairs.catalogue import PublishedPair
from w1bench_server.service import Service
from w1bench_server.submissions.submit import check_no_reference
from w1bench_server.submissions.uploads import Upload, received
from w1bench_server.web.api.jobs import job_answer
from w1bench_server.web.api.schemas.jobs import JobRow
from w1bench_server.web.api.schemas.parameters import Declared, IdempotencyKey, Method, PairName, Reason, Said
from w1bench_server.web.api.schemas.submissions import SubmissionRow, Validation, submission_row
from w1bench_server.web.auth.access import Caller, Submitter
from w1bench_server.web.dependencies import Origin, ServiceDep, read
from w1bench_server.web.findings import findings_on
from w1bench_server.web.middleware.bounds import lift_body_bound

router = APIRouter(prefix="/v1", tags=["submissions"])
_OCTETS = "application/octet-stream"
_PIECE_BYTES = 1 << 18
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The .h5 or .npy file itself, with the exact shapes of the pair; every value finite.",
        "content": {"application/x-hdf5": _BINARY, _OCTETS: _BINARY},
    }
}
_FILE: dict[int | str, dict[str, Any]] = {200: {"description": "The .h5 or .npy file.", "content": {_OCTETS: _BINARY}}}
_AGAIN: dict[int | str, dict[str, Any]] = {
    200: {"model": SubmissionRow, "description": "The row of the same submission, made before."},
    202: {"model": JobRow, "description": "The job that scores a large submission; its result is the row."},
    409: {},
}


@router.post("/validate", responses={409: {}}, openapi_extra=_BODY)
async def validate_submission(
    request: Request, service: ServiceDep, pair: PairName, declared: Declared, method: Method | None = None
) -> Validation:
    """Whether a body would be accepted, as a row of `method` where that is given, and of an open pair what is wrong with its critic, in words; nothing is kept, and no token is needed."""
    published = await run_in_threadpool(service.pairs.get, pair)
    check_fits(declared, published.manifest.shape)
    if method is not None:
        await run_in_threadpool(check_no_reference, service.ledger, method)
    found: list[Finding] | None = None
    async with _received(request, service, published) as upload:
        arrays = await service.scorer.check(published.folder, upload.path, client=request.state.client)
        if not published.is_sealed and upload.bytes <= service.settings.job_bytes:
            scored = await service.scorer.score(published.folder, upload.path, client=request.state.client)
            found = findings_on(scored.card, declared, service.pairs, pair=pair, digest=published.digest)
    shapes = {name: list(shape) for name, shape in arrays.items()}
    return Validation(
        pair=pair, pair_digest=published.digest, sha256=upload.sha256, bytes=upload.bytes, arrays=shapes, findings=found
    )


@router.post("/submissions", status_code=201, response_model=SubmissionRow, responses=_AGAIN, openapi_extra=_BODY)
async def make_submission(
    request: Request,
    response: Response,
    service: ServiceDep,
    origin: Origin,
    submitter: Submitter,
    pair: PairName,
    method: Method,
    said: Said,
    key: IdempotencyKey = None,
) -> SubmissionRow | Response:
    """Score a body and record it: 201 with the row, 200 with that of the same submission, or 202 with the job that scores it."""
    published = await run_in_threadpool(service.pairs.get, pair)
    check_fits(said.facts, published.manifest.shape)
    async with _received(request, service, published) as upload:
        outcome, created = await service.submissions.submit(
            pair, upload, method=method, user=submitter.user, key=key, admit=submitter.check, said=said
        )
    if isinstance(outcome, Job):
        return job_answer(outcome, 202)
    response.status_code = 201 if created else 200
    response.headers["Location"] = f"/v1/submissions/{outcome.entry.id}"
    return submission_row(service.public_records.of(outcome), origin, service.pairs)


@read(router, "/submissions/{id}")
def get_submission(service: ServiceDep, origin: Origin, id: str) -> SubmissionRow:  # noqa: A002 - its name in the address
    """A submission's row."""
    return submission_row(service.public_records.find(id), origin, service.pairs)


@read(router, "/submissions/{id}/body", response_class=Response, responses=_FILE)
def get_body(request: Request, service: ServiceDep, id: str) -> Response:  # noqa: A002 - its name in the address
    """The file that was submitted to a sealed pair, once the pair is revealed, so that anyone can replay its score."""
    entry = service.ledger.find(id).entry
    if (
        service.public_records.is_sealed(entry.pair, entry.pair_digest) is not False
        or not service.pairs.get(entry.pair).manifest.sealed
    ):
        raise ProblemError(
            404, "Only submissions to sealed pairs that were revealed are published, and this is not one of them."
        )
    headers = {"Content-Length": str(entry.bytes)}
    if request.method == "HEAD":
        return Response(headers=headers, media_type=_OCTETS)
    held = ExitStack()
    body = held.enter_context(service.bodies.borrowed(entry.sha256))
    return StreamingResponse(_pieces(body, held), headers=headers, media_type=_OCTETS)


@router.post("/submissions/{id}/retract")
def retract_submission(service: ServiceDep, origin: Origin, caller: Caller, id: str, reason: Reason) -> SubmissionRow:  # noqa: A002
    """Retract a submission: it stays visible with the reason, but no longer ranks. Its user and admins may."""
    entry = service.ledger.find(id).entry
    if caller.scope != "admin" and caller.user != entry.user:
        raise ProblemError(403, "This submission is another user's; only its user and an admin can retract it.")
    record = service.ledger.retract(Retraction(entry.id, now(), caller.user, reason))
    return submission_row(service.public_records.of(record), origin, service.pairs)


def _pieces(body: Path, held: ExitStack) -> Iterator[bytes]:
    with held, body.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


@asynccontextmanager
async def _received(request: Request, service: Service, pair: PublishedPair) -> AsyncGenerator[Upload]:
    lift_body_bound(request)  # the pair's own holds
    service.scorer.check_place(request.state.client)  # before anything is received
    limit = largest_bytes(pair.manifest)
    with request.state.uploads.held(request.state.client):
        async with received(request, request.state.room, limit=limit) as upload:
            yield upload
