"""Submissions: made, looked up, checked without being made, retracted; and whose token makes them."""

import base64
import hashlib
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import httpx2
from pydantic import BaseModel

from w1bench.client.metadata import Metadata
from w1bench.client.service.connection import TIMEOUT, Service, checked, refusal
from w1bench.diagnostics.findings.facts import Facts
from w1bench.diagnostics.findings.sentences import Finding
from w1bench.errors import SubmissionError, UnreachableError, unreachable
from w1bench.scoring.scorecard import Scorecard

_PIECE_BYTES = 1 << 20
_LOOK_SECONDS = 1.0  # at a job that is waited for
_ABSENCE_SECONDS = 120.0  # of a service that may be starting again


class _Retraction(BaseModel):
    """By whom and why a submission was retracted."""

    at: str
    user: str
    reason: str


class _Row(BaseModel):
    """What is needed of a submission's row."""

    id: str
    url: str
    pair: str
    method: str
    user: str
    scorecard: Scorecard
    retraction: _Retraction | None


class SubmittedRow(_Row):
    """A submission in the list of its pair's."""

    pair_digest: str
    sha256: str
    earlier_scorecards: list[Scorecard]


class _SubmittedPage(BaseModel):
    submissions: list[SubmittedRow]
    next: str | None


class _Job(BaseModel):
    """What is needed of a job."""

    id: str
    state: str
    reason: str | None
    result: str | None


class _Validation(BaseModel):
    """What is needed of a body that could be submitted."""

    pair: str
    sha256: str
    arrays: dict[str, list[int]]
    findings: list[Finding] | None


class _Account(BaseModel):
    user: str
    scope: str


def submit_file(service: Service, pair: str, path: Path, *, method: str, said: Metadata) -> dict[str, Any]:
    """Submit a .h5 or .npy file; returns the row with its scorecard and URL. The same file again gives the same row.

    What the service scores as a job is waited for.

    Raises:
        SubmissionError: there is no token, the file cannot be read, or the service refuses it; the sentence is its own.
        UnreachableError: the service does not answer.
    """
    params = {"pair": pair, "method": method, **said.given()}
    answer = _send(service, "/v1/submissions", path, params, known=True)
    if answer.status_code == 202:  # a job
        answer = service.ask("GET", _result(service, _Job(**checked(_Job, answer))))
    row = service.absolute(checked(_Row, answer))
    stands = {name: value for name, value in (row.get("metadata") or {}).items() if value is not None}
    if answer.status_code == 200 and stands != said.given():
        warnings.warn(
            f"{path.name} was submitted before as {method}: its row stands as it is, with what it said of itself then.",
            stacklevel=3,
        )
    return row


def validate_file(
    service: Service, pair: str, path: Path, *, facts: Facts, method: str | None = None
) -> dict[str, Any]:
    """What the service would make of a file and these facts, which it does not keep, as a row of `method`; raises as `submit_file`, but needs no token."""
    name = {} if method is None else {"method": method}
    params = {"pair": pair, **name, **facts.model_dump(exclude_none=True)}
    return checked(_Validation, _send(service, "/v1/validate", path, params))


def show(service: Service, identity: str) -> dict[str, Any]:
    """The row of a submission by its id, or by its page's address.

    Raises:
        SubmissionError: there is no such submission.
        UnreachableError: the service does not answer.
    """
    return service.absolute(service.document(_Row, "GET", f"/v1/submissions/{_quoted(identity)}"))


def retract(service: Service, identity: str, reason: str) -> dict[str, Any]:
    """Retract a submission of one's own, for a reason that all may read; returns its row; raises as `show`."""
    path = f"/v1/submissions/{_quoted(identity)}/retract"
    return service.absolute(service.document(_Row, "POST", path, params={"reason": reason}, known=True))


def whoami(service: Service) -> dict[str, Any]:
    """The user and the scope of the token.

    Raises:
        SubmissionError: there is none, or the service does not know it.
        UnreachableError: the service does not answer.
    """
    return service.document(_Account, "GET", "/v1/whoami", known=True)


def submissions(service: Service, pair: str) -> Iterator[SubmittedRow]:
    """All submissions to a pair, the oldest first.

    Raises:
        SubmissionError: the service has no such pair.
        UnreachableError: the service does not answer.
    """
    cursor: str | None = None
    while True:
        params = {"cursor": cursor} if cursor else {}
        found = service.document(_SubmittedPage, "GET", f"/v1/pairs/{pair}/submissions", params=params)
        page = _SubmittedPage.model_validate(found)
        yield from page.submissions
        cursor = page.next
        if cursor is None:
            return


def fetch_body(server: str, identity: str, path: Path) -> None:
    """The file that was submitted, to `path`; raises as `submissions`."""
    try:
        with (
            httpx2.Client(timeout=TIMEOUT) as client,
            client.stream("GET", f"{server.rstrip('/')}/v1/submissions/{identity}/body") as answer,
            path.open("wb") as file,
        ):
            if not answer.is_success:
                answer.read()
                raise refusal(server, answer)
            for piece in answer.iter_raw():
                file.write(piece)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise unreachable(server, error) from None


def _quoted(identity: str) -> str:
    """An id as part of an address; of a page's address its last part."""
    return quote(identity.rstrip("/").rpartition("/")[2], safe="")


def _send(service: Service, path: str, body: Path, params: dict[str, Any], *, known: bool = False) -> httpx2.Response:
    """The answer to a request with a file as its body."""
    try:
        with body.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
            headers = {
                "Content-Type": "application/octet-stream",
                "Content-Length": str(file.tell()),
                "Content-Digest": f"sha-256=:{base64.b64encode(digest).decode()}:",
            }
            file.seek(0)
            return service.ask("POST", path, known=known, params=params, headers=headers, content=_pieces(file))
    except OSError as error:
        raise SubmissionError(f"{body} cannot be read ({error.strerror}); give a .h5 or .npy file.") from None


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(_PIECE_BYTES):
        yield piece


def _result(service: Service, job: _Job) -> str:
    """Wait for a job to end; returns the address of its result. A service that restarts resumes it.

    Raises:
        SubmissionError: it failed; the sentence is the service's own.
        UnreachableError: the service has not answered for two minutes.
    """
    given_up = time.monotonic() + _ABSENCE_SECONDS
    while job.result is None:
        if job.reason is not None:
            raise SubmissionError(f"{service.url} did not score it: {job.reason}")
        time.sleep(_LOOK_SECONDS)
        try:
            job = _Job(**service.document(_Job, "GET", f"/v1/jobs/{job.id}"))
            given_up = time.monotonic() + _ABSENCE_SECONDS
        except UnreachableError:
            if time.monotonic() > given_up:
                raise
    return job.result
