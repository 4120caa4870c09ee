"""The endpoints of tokens: whose one is; and for admins, all of them, a new one, and the end of one."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from w1bench.errors import InputError
from w1bench.recipes.fields import NAME_PATTERN
from w1bench.storage.canonical import worded
from w1bench_server.errors import ProblemError
from w1bench_server.ledger.records import REFERENCE_USER
from w1bench_server.web.api.schemas.base import Part
from w1bench_server.web.auth import tokens
from w1bench_server.web.auth.access import Admin, Caller
from w1bench_server.web.dependencies import ServiceDep, read

router = APIRouter(prefix="/v1", tags=["tokens"])


class Account(Part):
    """The user and the scope of a token: `submit` makes submissions, `admin` manages the service."""

    user: str
    scope: str


@read(router, "/whoami")
async def whoami(holder: Caller) -> Account:
    """Whose token was sent, and its scope."""
    return Account(user=holder.user, scope=holder.scope)


class IssuedToken(Part):
    """A token without its secret: `prefix` names it; times are ISO 8601 in UTC."""

    prefix: str
    user: str
    scope: str
    created_at: str
    expires_at: str | None
    revoked_at: str | None


class TokenList(Part):
    """All tokens, the oldest first."""

    tokens: list[IssuedToken]


class NewToken(Part):
    """A token, which is shown this once."""

    user: str
    scope: str
    token: str


@read(router, "/tokens")
def list_tokens(service: ServiceDep, _: Admin) -> TokenList:
    """All tokens without their secrets."""
    return TokenList(tokens=[IssuedToken(**_known(row)) for row in tokens.issued(service.ledger.engine)])


@router.post("/tokens", status_code=201)
def create_token(
    service: ServiceDep,
    _: Admin,
    user: Annotated[
        str,
        Query(
            pattern=worded(NAME_PATTERN, "up to 64 of a-z, 0-9 and ._- beginning with a letter or digit"),
            description="Whose token it is.",
        ),
    ],
    scope: Annotated[Literal["submit", "admin"], Query(description="What it may do.")] = "submit",
    days: Annotated[
        int | None, Query(ge=1, le=36_500, description="How long it is valid; default, without end.")
    ] = None,
) -> NewToken:
    """A new token, which cannot be shown again."""
    if user == REFERENCE_USER:
        raise ProblemError(
            422, f"The user {user} owns the reference rows; give the token another name.", pointer="#/query/user"
        )
    token = tokens.issue(service.ledger.engine, user=user, scope=scope, days=days)
    return NewToken(user=user, scope=scope, token=token)


@router.post("/tokens/{prefix}/revoke", responses={404: {}})
def revoke_token(service: ServiceDep, _: Admin, prefix: str) -> TokenList:
    """Revoke the token that begins with `w1b_PREFIX`, for good; revoking it twice changes nothing."""
    try:
        tokens.revoke(service.ledger.engine, prefix)
    except InputError:
        raise ProblemError(404, "No token has this prefix; GET /v1/tokens lists them.") from None
    return TokenList(tokens=[IssuedToken(**_known(row)) for row in tokens.issued(service.ledger.engine)])


def _known(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in IssuedToken.model_fields}
