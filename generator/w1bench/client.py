"""Client of the service: submit a file, read the leaderboard."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import httpx2

from w1bench.errors import SubmissionError, UnreachableError, W1BenchError
from w1bench.fetch import unreachable

_TIMEOUT = httpx2.Timeout(30.0, read=600.0)  # scoring a large pair takes its time


def submit_file(pair: str, path: Path, *, method: str, server: str, token: str | None) -> dict[str, Any]:
    """Submit a .h5 or .npy file; returns the row with its scorecard and URL. The same file again gives the same row.

    Raises:
        SubmissionError: there is no token, the file cannot be read, or the service refuses it; the sentence is its own.
        UnreachableError: the service does not answer.
    """
    if not token:
        raise SubmissionError(
            "A submission needs a token: ask the service's operator (w1bench token create --user NAME) and set W1BENCH_TOKEN."
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SubmissionError(f"{path} cannot be read ({error.strerror}); give a .h5 or .npy file.") from None
    digest = hashlib.sha256(content)
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/octet-stream",
        "Content-Digest": f"sha-256=:{base64.b64encode(digest.digest()).decode()}:",
    }
    return _json(
        _ask(
            server,
            "POST",
            "/v1/submissions",
            params={"pair": pair, "method": method},
            headers=headers,
            content=content,
        )
    )


def leaderboard(server: str, *, pair: str | None = None, metric: str = "cos") -> dict[str, Any]:
    """The leaderboard as the service gives it.

    Raises:
        SubmissionError: the service knows no such pair or metric.
        UnreachableError: the service does not answer.
    """
    return _json(_board(server, pair, metric, "json"))


def leaderboard_csv(server: str, *, pair: str | None = None, metric: str = "cos") -> str:
    """The leaderboard as comma-separated values; raises as `leaderboard`."""
    return _board(server, pair, metric, "csv").text


def _board(server: str, pair: str | None, metric: str, form: str) -> httpx2.Response:
    params = {"metric": metric, "format": form} | ({"pair": pair} if pair else {})
    return _ask(server, "GET", "/v1/leaderboard", params=params)


def _ask(server: str, verb: str, path: str, **request: Any) -> httpx2.Response:
    try:
        with httpx2.Client(timeout=_TIMEOUT) as client:
            answer = client.request(verb, server.rstrip("/") + path, **request)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise unreachable(server, error) from None
    if not answer.is_success:
        raise _refusal(server, answer)
    return answer


def _json(answer: httpx2.Response) -> dict[str, Any]:
    try:
        return answer.json()
    except ValueError:
        raise UnreachableError(f"{answer.url} answered something other than JSON; is it a w1bench service?") from None


def _refusal(server: str, answer: httpx2.Response) -> W1BenchError:
    """The service's own sentence, as our error: 5xx is its trouble, everything else the submission's."""
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    details = "; ".join(e["detail"] for e in problem.get("errors", []) if "detail" in e)
    sentence = problem.get("detail") or details or answer.reason_phrase
    kind = UnreachableError if answer.status_code >= 500 else SubmissionError
    return kind(f"{server} answered {answer.status_code}: {sentence}")
