"""The errors of the service, each with its HTTP status."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from w1bench.errors import CheckFailedError, InputError, PairError, SubmissionError, UnreachableError, W1BenchError


class UnknownJobError(W1BenchError):
    """A job id that does not exist."""


class KeyReusedError(W1BenchError):
    """An Idempotency-Key that was used before with other content."""


class UnknownSubmissionError(W1BenchError):
    """A submission id that does not exist."""


class NotPublishedError(PairError):
    """A pair or file that is not in the archive."""


class TokenError(InputError):
    """A token that is unknown, revoked or expired."""


_RETRY_SECONDS = "5"


class ProblemPart(BaseModel):
    """One thing that is wrong: where (a JSON pointer into query, header, path or body), and what."""

    model_config = ConfigDict(frozen=True)

    pointer: str
    detail: str


class ProblemError(W1BenchError):
    """An error with its HTTP status."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        pointer: str = "",
        parts: Sequence[ProblemPart] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.headers = status, headers
        self.parts = [ProblemPart(pointer=pointer, detail=detail)] if pointer else list(parts)


def busy(detail: str, *, parts: Sequence[ProblemPart] = ()) -> ProblemError:
    """A 503: the same request may succeed later."""
    return ProblemError(503, detail, parts=parts, headers={"Retry-After": _RETRY_SECONDS})


def invalid(parts: Sequence[ProblemPart]) -> ProblemError:
    """A 422 that says of each part what is wrong with it."""
    said = "; ".join(f"{p.pointer.removeprefix('#/').replace('/', ' ')}: {p.detail.rstrip('.')}" for p in parts)
    return ProblemError(422, f"{said}. Correct this and send it again.", parts=parts)


def disk_full() -> ProblemError:
    """A 507: nothing is accepted until the operator has made room."""
    return ProblemError(507, "The service's disk is full, so it accepts nothing; tell the operator.")


def as_problem(error: Exception) -> ProblemError:
    """An error of ours with its HTTP status. Messages about the archive name folders, so they go to the log only."""
    match error:
        case ProblemError():
            return error
        case TokenError():
            return ProblemError(401, str(error), headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        case NotPublishedError() | UnknownSubmissionError() | UnknownJobError():
            return ProblemError(404, str(error))
        case KeyReusedError():
            return ProblemError(409, str(error), pointer="#/header/Idempotency-Key")
        case SubmissionError():
            return ProblemError(422, str(error), pointer="#/body")
        case UnreachableError():
            return busy("Accepted submissions cannot be stored at the moment; send it again later.")
        case PairError():
            return busy("The archive cannot be read at the moment; try again later.")
        case CheckFailedError():
            return ProblemError(500, "The service's own copy of this pair is damaged; tell the operator.")
        case _:
            return ProblemError(500, apology())


def apology() -> str:
    """The message of an error that nobody foresaw."""
    return "The service failed through no fault of yours; tell the operator this request_id."
