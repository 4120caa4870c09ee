"""Access: who may do what, by the Bearer token of a request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from w1bench_server.errors import ProblemError
from w1bench_server.web.auth import tokens
from w1bench_server.web.auth.tokens import Holder
from w1bench_server.web.routing import Here

_bearer = HTTPBearer(auto_error=False, description="`w1bench token create --user NAME`")


def _caller(here: Here, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Holder:
    if given is None:
        raise ProblemError(
            401,
            "This needs a token: send it as `Authorization: Bearer TOKEN`; the operator makes one with "
            "`w1bench token create --user NAME`.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return tokens.holder(here.ledger.engine, given.credentials)


# Whom the token is of, whatever it allows.
Caller = Annotated[Holder, Depends(_caller)]


def _needing(scope: str, what: str) -> Callable[[Caller], str]:
    """The user of a token of this scope; 403 for one of another."""

    def user(holder: Caller) -> str:
        if holder.scope != scope:
            raise ProblemError(
                403,
                f"This token has the scope {holder.scope}, and {what} need {scope}; ask for one with that scope.",
                headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
            )
        return holder.user

    return user


# The user of a token that may submit, and of one that may manage the service.
Submitter = Annotated[str, Depends(_needing("submit", "submissions"))]
Admin = Annotated[str, Depends(_needing("admin", "pairs and the list of jobs"))]
