"""An HTTP client of the service: submits files, reads leaderboards and submissions."""

import base64
import hashlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import urljoin

import httpx2
from pydantic import BaseModel, ValidationError

from w1bench.errors import SubmissionError, UnreachableError, W1BenchError, unreachable
from w1bench.scoring.metrics import HEADLINE
from w1bench.scoring.scorecard import Interval, Scorecard

_PIECE_BYTES = 1 << 20
_LOOK_SECONDS = 1.0  # at a job that is waited for
_ABSENCE_SECONDS = 120.0  # of a service that may be starting again
_BOARD_ROWS = 500  # a page, the most that a service gives
_PRINTABLE = re.compile(r"[!-~]+")
_TIMEOUT = httpx2.Timeout(30.0, read=600.0)  # scoring a large pair takes its time


class _Retraction(BaseModel):
    """By whom and why a submission was retracted."""

    at: str
    user: str
    reason: str


class _Row(BaseModel):
    """What is needed of a submission's row."""

    url: str
    scorecard: Scorecard
    retraction: _Retraction | None


class SubmittedRow(_Row):
    """A submission in the list of its pair's."""

    id: str
    pair_digest: str
    method: str
    user: str
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


class _BoardRow(BaseModel):
    """What is needed of a leaderboard's row."""

    rank: int | None
    pair: str
    method: str
    user: str
    url: str
    metrics: dict[str, Interval | None]


class _Board(BaseModel):
    rows: list[_BoardRow]
    retracted: list[dict[str, Any]]
    next: str | None


def submit_file(pair: str, path: Path, *, method: str, server: str, token: str | None) -> dict[str, Any]:
    """Submit a .h5 or .npy file; returns the row with its scorecard and URL. The same file again gives the same row.

    What the service scores as a job is waited for.

    Raises:
        SubmissionError: there is no token, the file cannot be read, or the service refuses it; the sentence is its own.
        UnreachableError: the service does not answer.
    """
    if not token:
        raise SubmissionError(
            "A submission needs a token: ask the service's operator (w1bench token create --user NAME) and set W1BENCH_TOKEN."
        )
    if not _PRINTABLE.fullmatch(token):
        raise SubmissionError(
            "The token holds characters that tokens never have; set W1BENCH_TOKEN to one line of ASCII."
        )
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
            headers = {
                "Authorization": f"Bearer {token}",
                "Content-Type": "application/octet-stream",
                "Content-Length": str(file.tell()),
                "Content-Digest": f"sha-256=:{base64.b64encode(digest).decode()}:",
            }
            file.seek(0)
            params = {"pair": pair, "method": method}
            answer = _ask(server, "POST", "/v1/submissions", params=params, headers=headers, content=_pieces(file))
    except OSError as error:
        raise SubmissionError(f"{path} cannot be read ({error.strerror}); give a .h5 or .npy file.") from None
    if answer.status_code == 202:  # a job
        answer = _ask(server, "GET", _result(server, _Job(**_checked(_Job, answer))))
    return _absolute(server, _checked(_Row, answer))


def submissions(server: str, pair: str) -> Iterator[SubmittedRow]:
    """All submissions to a pair, the oldest first.

    Raises:
        SubmissionError: the service has no such pair.
        UnreachableError: the service does not answer.
    """
    cursor: str | None = None
    while True:
        answer = _ask(server, "GET", f"/v1/pairs/{pair}/submissions", params={"cursor": cursor} if cursor else {})
        page = _SubmittedPage.model_validate(_checked(_SubmittedPage, answer))
        yield from page.submissions
        cursor = page.next
        if cursor is None:
            return


def fetch_body(server: str, identity: str, path: Path) -> None:
    """The file that was submitted, to `path`; raises as `submissions`."""
    try:
        with (
            httpx2.Client(timeout=_TIMEOUT) as client,
            client.stream("GET", f"{server.rstrip('/')}/v1/submissions/{identity}/body") as answer,
            path.open("wb") as file,
        ):
            if not answer.is_success:
                answer.read()
                raise _refusal(server, answer)
            for piece in answer.iter_raw():
                file.write(piece)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise unreachable(server, error) from None


def _result(server: str, job: _Job) -> str:
    """Wait for a job to end; returns the address of its result. A service that restarts resumes it.

    Raises:
        SubmissionError: it failed; the sentence is the service's own.
        UnreachableError: the service has not answered for two minutes.
    """
    given_up = time.monotonic() + _ABSENCE_SECONDS
    while job.result is None:
        if job.reason is not None:
            raise SubmissionError(f"{server} did not score it: {job.reason}")
        time.sleep(_LOOK_SECONDS)
        try:
            job = _Job(**_checked(_Job, _ask(server, "GET", f"/v1/jobs/{job.id}")))
            given_up = time.monotonic() + _ABSENCE_SECONDS
        except UnreachableError:
            if time.monotonic() > given_up:
                raise
    return job.result


def leaderboard(server: str, *, pair: str | None = None, metric: str = HEADLINE) -> dict[str, Any]:
    """The leaderboard as the service gives it, all pages as one.

    Raises:
        SubmissionError: the service has no such pair or metric.
        UnreachableError: the service does not answer.
    """
    board = page = _checked(_Board, _board(server, pair, metric, "json"))
    while page["next"] is not None:
        page = _checked(_Board, _board(server, pair, metric, "json", page["next"]))
        board |= {name: [*board[name], *page[name]] for name in ("rows", "retracted")}
    return board | {"rows": [_absolute(server, row) for row in board["rows"]], "next": None}


def leaderboard_csv(server: str, *, pair: str | None = None, metric: str = HEADLINE) -> str:
    """The leaderboard as comma-separated values, all pages as one; raises as `leaderboard`."""
    text, cursor = "", None
    while True:
        answer = _board(server, pair, metric, "csv", cursor)
        header, _, rows = answer.text.partition("\n")
        if not header.startswith("rank,"):
            raise _no_service(answer)
        text += rows if text else answer.text
        following = answer.links.get("next", {}).get("url")
        if following is None:
            return text
        cursor = httpx2.URL(following).params.get("cursor")


def _absolute(server: str, row: dict[str, Any]) -> dict[str, Any]:
    """The row with a whole URL: a service that was not told where the world sees it gives a relative one."""
    return row | {"url": urljoin(f"{server.rstrip('/')}/", row["url"].removeprefix("/"))}


def _board(server: str, pair: str | None, metric: str, form: str, cursor: str | None = None) -> httpx2.Response:
    """A page of the leaderboard, as long as the service allows."""
    params = {"metric": metric, "format": form, "limit": _BOARD_ROWS}
    params |= {name: value for name, value in (("pair", pair), ("cursor", cursor)) if value}
    return _ask(server, "GET", "/v1/leaderboard", params=params)


def _ask(server: str, verb: str, path: str, **request: Any) -> httpx2.Response:
    try:
        with httpx2.Client(timeout=_TIMEOUT) as client:
            answer = client.request(verb, server.rstrip("/") + path, **request)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise unreachable(server, error) from None
    except UnicodeEncodeError as error:
        raise SubmissionError(f"{error.object!r} cannot be sent; use characters that UTF-8 can encode.") from None
    if not answer.is_success:
        raise _refusal(server, answer)
    return answer


def _json(answer: httpx2.Response) -> dict[str, Any]:
    try:
        document = answer.json()
    except ValueError:
        raise _no_service(answer) from None
    if not isinstance(document, dict):
        raise _no_service(answer)
    return cast("dict[str, Any]", document)


def _checked(model: type[BaseModel], answer: httpx2.Response) -> dict[str, Any]:
    """The answer's document, if it has what is needed of it."""
    document = _json(answer)
    try:
        model.model_validate(document)
    except ValidationError:
        raise _no_service(answer) from None
    return document


def _no_service(answer: httpx2.Response) -> UnreachableError:
    return UnreachableError(f"{answer.url} answered something that a w1bench service does not; check the address.")


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(_PIECE_BYTES):
        yield piece


def _refusal(server: str, answer: httpx2.Response) -> W1BenchError:
    """The service's own sentence, as our error: 5xx is its trouble, everything else the submission's."""
    try:
        sentence = _json(answer).get("detail") or answer.reason_phrase
    except UnreachableError:
        sentence = answer.reason_phrase
    kind = UnreachableError if answer.status_code >= 500 else SubmissionError
    return kind(f"{server} answered {answer.status_code}: {sentence}")
