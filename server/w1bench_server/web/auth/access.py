"""Access control: the dependencies that hold a request's Bearer token against what it may do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from w1bench_server.errors import ProblemError
from w1bench_server.web.auth import tokens
from w1bench_server.web.auth.tokens import Holder
from w1bench_server.web.dependencies import ServiceDep

_bearer = HTTPBearer(auto_error=False, description="`w1bench token create --user NAME`")


def _caller(
    service: ServiceDep, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Holder:
    if credentials is None:
        raise ProblemError(
            401,
            "This needs a token: send it as `Authorization: Bearer TOKEN`; the operator makes one with "
            "`w1bench token create --user NAME`.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return tokens.holder(service.ledger.engine, credentials.credentials)


# The holder of the token, whatever its scope.
Caller = Annotated[Holder, Depends(_caller)]


def _needing(scope: str, what: str) -> Callable[[Caller], Awaitable[Holder]]:
    """A dependency that gives the holder of a token with this scope; 403 for another scope."""

    async def checked(holder: Caller) -> Holder:
        if holder.scope != scope:
            raise ProblemError(
                403,
                f"This token has the scope {holder.scope}, and {what} need {scope}; ask for one with that scope.",
                headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
            )
        return holder

    return checked


# The holder of a token that may submit, and of one that may manage the service.
Submitter = Annotated[Holder, Depends(_needing("submit", "submissions"))]
Admin = Annotated[Holder, Depends(_needing("admin", "pairs, tokens and the list of jobs"))]
