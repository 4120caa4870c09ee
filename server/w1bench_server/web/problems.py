"""Problems: every error as RFC 9457 problem+json, with a sentence and a request id, and without anything that was sent; for browsers as a page."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from w1bench.errors import W1BenchError
from w1bench.storage.canonical import complaint
from w1bench_server.errors import ProblemPart, apology, as_problem, busy, invalid
from w1bench_server.web.headers import SHARED_METHODS, request_id, shared_headers
from w1bench_server.web.pages.answers import page

MEDIA_TYPE = "application/problem+json"
_PAGE = "text/html"
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_SENTENCES = {
    400: "The request is not well formed; openapi.json describes the valid ones.",
    404: "There is nothing at this address; openapi.json lists the addresses, GET /v1/pairs the pairs.",
    405: "This address does not have this method; the Allow header names those that it has.",
    413: "The body is longer than 1 MiB, the limit here; send a shorter one.",
}
_log = logging.getLogger(__name__)


class Problem(BaseModel):
    """RFC 9457 problem details; quote `request_id` to the operator."""

    model_config = ConfigDict(frozen=True)

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[ProblemPart] = []


def problem(
    request: Request,
    status: int,
    detail: str,
    *,
    parts: Sequence[ProblemPart] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The response to an error."""
    content = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        request_id=request_id(request.scope),
        errors=list(parts),
    )
    if request.method in SHARED_METHODS and _PAGE in request.headers.get("accept", ""):  # a browser, which shows pages
        return page(
            request,
            "problem.html",
            {"section": "", **content.model_dump()},
            status=status,
            headers=dict(headers or {}) | {"Cache-Control": "no-store"},
        )
    # An unforeseen error is answered outside of the middleware, hence the shared headers here too.
    shared = shared_headers(request.scope) | {"Cache-Control": "no-store"} | dict(headers or {})
    return Response(content.model_dump_json(), status, shared, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make `app` answer every error with a problem."""
    app.add_exception_handler(W1BenchError, _of_ours)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(OperationalError, _of_database)
    app.add_exception_handler(PoolTimeoutError, _of_database)
    app.add_exception_handler(ClientDisconnect, _of_disconnect)
    app.add_exception_handler(Exception, _unforeseen)


async def _of_ours(request: Request, error: Exception) -> Response:
    refused = as_problem(error)
    if refused.status >= 500:
        _log.warning("request %s: %d: %s", request_id(request.scope), refused.status, error)
    return problem(request, refused.status, str(refused), parts=refused.parts, headers=refused.headers)


async def _of_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # The place and the rule alone: `input` and `ctx` repeat what was sent.
    parts = [ProblemPart(pointer="#/" + "/".join(map(str, e["loc"])), detail=complaint(e)) for e in error.errors()]
    return await _of_ours(request, invalid(parts))


async def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code
    headers = {"Allow": ", ".join(_allowed(request))} if status == 405 else error.headers
    sentence = _SENTENCES.get(
        status, f"{HTTPStatus(status).phrase}: {HTTPStatus(status).description or 'see openapi.json'}."
    )
    return problem(request, status, sentence, headers=headers)


def _allowed(request: Request) -> list[str]:
    """The methods that any route has for the address of `request`."""
    routes, scope = request.app.routes, request.scope
    return [m for m in _METHODS if any(r.matches({**scope, "method": m})[0] is Match.FULL for r in routes)]


async def _of_database(request: Request, error: Exception) -> Response:
    assert isinstance(error, OperationalError)
    _log.error("request %s: %s", request_id(request.scope), error.orig)  # without the parameters
    return await _of_ours(request, busy("The database does not answer; try again later."))


async def _of_disconnect(request: Request, error: Exception) -> Response:
    return problem(request, 400, "The request broke off before its end; send it again.")


async def _unforeseen(request: Request, error: Exception) -> Response:
    _log.error("request %s: %s", request_id(request.scope), type(error).__name__)
    return problem(request, 500, apology())
