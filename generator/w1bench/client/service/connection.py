"""Requests to the service, its refusals as our errors, and its documents, checked for what is needed of them."""

import re
from typing import Any, NamedTuple, cast
from urllib.parse import urljoin

import httpx2
from pydantic import BaseModel, ValidationError

from w1bench.errors import SubmissionError, UnreachableError, W1BenchError, unreachable

TIMEOUT = httpx2.Timeout(30.0, read=600.0)  # scoring a large pair takes its time
_PRINTABLE = re.compile(r"[!-~]+")


class Service(NamedTuple):
    """A service's URL, and the token that it is asked with, where one is needed."""

    url: str
    token: str | None = None

    def ask(self, verb: str, path: str, *, known: bool = False, **request: Any) -> httpx2.Response:
        """The answer to a request, made with the token where the caller must be `known`.

        Raises:
            SubmissionError: the service refuses it, in a sentence of its own, or there is no token.
            UnreachableError: the service does not answer.
        """
        if known:
            request["headers"] = request.get("headers", {}) | {"Authorization": f"Bearer {self._checked_token()}"}
        try:
            with httpx2.Client(timeout=TIMEOUT) as client:
                answer = client.request(verb, self.url.rstrip("/") + path, **request)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise unreachable(self.url, error) from None
        except UnicodeEncodeError as error:
            raise SubmissionError(f"{error.object!r} cannot be sent; use characters that UTF-8 can encode.") from None
        if not answer.is_success:
            raise refusal(self.url, answer)
        return answer

    def document(self, model: type[BaseModel], verb: str, path: str, **request: Any) -> dict[str, Any]:
        """The document that answers a request, if it has what `model` needs; raises as `ask`."""
        return checked(model, self.ask(verb, path, **request))

    def absolute(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row with a whole URL: a service that was not told where the world sees it gives a relative one."""
        return row | {"url": urljoin(f"{self.url.rstrip('/')}/", row["url"].removeprefix("/"))}

    def _checked_token(self) -> str:
        if not self.token:
            raise SubmissionError(
                "This needs a token: ask the service's operator (w1bench token create --user NAME) and set W1BENCH_TOKEN."
            )
        if not _PRINTABLE.fullmatch(self.token):
            raise SubmissionError(
                "The token holds characters that tokens never have; set W1BENCH_TOKEN to one line of ASCII."
            )
        return self.token


def checked(model: type[BaseModel], answer: httpx2.Response) -> dict[str, Any]:
    """The answer's document, if it has what is needed of it."""
    document = _json(answer)
    try:
        model.model_validate(document)
    except ValidationError:
        raise no_service(answer) from None
    return document


def no_service(answer: httpx2.Response) -> UnreachableError:
    """The error for an answer that a w1bench service does not give."""
    return UnreachableError(f"{answer.url} answered something that a w1bench service does not; check the address.")


def refusal(server: str, answer: httpx2.Response) -> W1BenchError:
    """The service's own sentence, as our error: 5xx is its trouble, everything else the request's."""
    try:
        sentence = _json(answer).get("detail") or answer.reason_phrase
    except UnreachableError:
        sentence = answer.reason_phrase
    kind = UnreachableError if answer.status_code >= 500 else SubmissionError
    return kind(f"{server} answered {answer.status_code}: {sentence}")


def _json(answer: httpx2.Response) -> dict[str, Any]:
    try:
        document = answer.json()
    except ValueError:
        raise no_service(answer) from None
    if not isinstance(document, dict):
        raise no_service(answer)
    return cast("dict[str, Any]", document)
