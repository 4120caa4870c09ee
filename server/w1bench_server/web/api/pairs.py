"""The endpoints of pairs: the list, manifests, certificates, files, slices, submissions to a pair, and proposals."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from w1bench.archive.manifest import Manifest
from w1bench_server.jobs.proposals import propose
from w1bench_server.pairs import slices
from w1bench_server.pairs.downloads import MEDIA_TYPES, download
from w1bench_server.pairs.slices import Form
from w1bench_server.web.api import pagination as listing
from w1bench_server.web.api.jobs import job_answer
from w1bench_server.web.api.pagination import Cursor, Limit
from w1bench_server.web.api.schemas.jobs import JobRow
from w1bench_server.web.api.schemas.pairs import Certificate, PairPage, certificate
from w1bench_server.web.api.schemas.parameters import FamilyName, IdempotencyKey
from w1bench_server.web.api.schemas.submissions import SubmissionPage
from w1bench_server.web.auth.access import Admin
from w1bench_server.web.dependencies import Origin, ServiceDep, read

router = APIRouter(prefix="/v1/pairs", tags=["pairs"])
_LARGEST_INDEX = 2**63 - 1
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_BYTES = {"content": dict.fromkeys(MEDIA_TYPES.values(), _BINARY)}
_PARTS = {"content": dict.fromkeys((*MEDIA_TYPES.values(), "multipart/byteranges"), _BINARY)}
_FILE = {
    200: _BYTES | {"description": "The file; its ETag and Repr-Digest are its SHA-256."},
    206: _PARTS | {"description": "The part asked for by Range."},
    304: {"description": "The client has it."},
    416: {},
}
_JSON_FILE = _FILE | {200: _FILE[200] | {"content": {"application/json": {"schema": {"type": "object"}}}}}
_SLICE = {200: {"description": "The rows.", "content": {kind: {} for kind in slices.MEDIA_TYPES.values()}}, 413: {}}
_AGAIN: dict[int | str, dict[str, Any]] = {
    200: {"model": JobRow, "description": "The job of the same recipe, made before."},
    409: {},
}
_RECIPE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A recipe, up to 1 MiB, in TOML or JSON; it names no files.",
        "content": {"application/json": {"schema": {"type": "object"}}, "application/toml": _BINARY},
    }
}
Index = Annotated[int, Query(ge=0, le=_LARGEST_INDEX)]


@read(router, "")
def list_pairs(
    service: ServiceDep,
    dim: Annotated[int | None, Query(ge=1, le=_LARGEST_INDEX, description="Only pairs of this dimension.")] = None,
    track: Annotated[Literal["hd", "ball", "images"] | None, Query(description="Only pairs of this kind.")] = None,
    family: FamilyName = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> PairPage:
    """The published pairs, by name."""
    chosen = (
        p
        for p in service.pairs.all()
        if dim in (None, p.manifest.dim) and track in (None, p.track) and family in (None, p.manifest.family)
    )
    return listing.page(chosen, limit=limit, cursor=cursor)


@router.post("", status_code=202, response_model=JobRow, responses=_AGAIN, openapi_extra=_RECIPE)
async def propose_pair(request: Request, service: ServiceDep, admin: Admin, key: IdempotencyKey = None) -> Response:
    """Have a recipe's pair built: 202 with the job, or 200 with that of the same recipe, unless that one failed or was cancelled."""
    body = await request.body()
    job, created = await run_in_threadpool(propose, service.jobs, service.settings, body, user=admin.user, key=key)
    return job_answer(job, 202 if created else 200)


@read(router, "/{name}", response_model_exclude_none=True)
def get_pair(service: ServiceDep, name: str) -> Manifest:
    """A pair's manifest, of a sealed one with what was revealed of it."""
    return service.pairs.get(name).manifest


@read(router, "/{name}/submissions")
def list_submissions(
    service: ServiceDep, origin: Origin, name: str, limit: Limit = 100, cursor: Cursor = None
) -> SubmissionPage:
    """All submissions to a pair as it is now, the oldest first."""
    pair = service.pairs.get(name)
    records = [
        record
        for record in service.ledger.snapshot().pairs.get(name, {}).values()
        if record.entry.pair_digest == pair.digest
    ]
    return listing.submission_page(records, service.public_records, origin, limit=limit, cursor=cursor)


@read(router, "/{name}/certificate")
def get_certificate(service: ServiceDep, name: str) -> Certificate:
    """The figures that prove a pair."""
    return certificate(service.pairs.get(name))


@read(router, "/{name}/croissant.json", response_class=Response, responses=_JSON_FILE)
def get_croissant(request: Request, service: ServiceDep, name: str) -> Response:
    """A pair's description for catalogues of data sets, in the Croissant vocabulary."""
    file = service.pairs.file(service.pairs.get(name), "croissant.json")
    return download(request, file, accel_prefix=service.settings.accel_prefix)


@read(router, "/{name}/files/{file}", response_class=Response, responses=_FILE)
def get_file(request: Request, service: ServiceDep, name: str, file: str) -> Response:
    """A file of a pair: a data file, manifest.json, README.md, croissant.json or preview.png. Range, If-None-Match and If-Range are honoured."""
    return download(
        request, service.pairs.file(service.pairs.get(name), file), accel_prefix=service.settings.accel_prefix
    )


@read(router, "/{name}/slice", response_class=Response, responses=_SLICE)
def get_slice(
    request: Request,
    service: ServiceDep,
    name: str,
    file: Annotated[str, Query(max_length=64, description="A data file, e.g. test.h5.")],
    dataset: Annotated[str, Query(max_length=64, description="A data set in it, e.g. input.")],
    start: Index = 0,
    stop: Annotated[
        int | None, Query(ge=0, le=_LARGEST_INDEX, description="Before this row; default, the end.")
    ] = None,
    form: Annotated[Form, Query(alias="format")] = Form.npy,
) -> Response:
    """Rows `start` to `stop` of a data set, up to 64 MB at once."""
    rows = slices.take(service.pairs.get(name), file, dataset, start, stop, form)
    media_type = slices.MEDIA_TYPES[form]
    if request.method == "HEAD":
        return Response(media_type=media_type)
    if slices.is_light(rows, form):
        return Response(b"".join(slices.written(rows, form)), media_type=media_type)
    blocks = slices.in_turns(rows, form, request.state.reads, request.state.client)
    return StreamingResponse(blocks, media_type=media_type)
