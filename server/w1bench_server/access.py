"""Access: who may do what, by the Bearer token of a request."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from w1bench_server import tokens
from w1bench_server.problems import ProblemError
from w1bench_server.service import Here
from w1bench_server.tokens import Holder

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


def _submitter(holder: Caller) -> str:
    if holder.scope != "submit":
        raise ProblemError(
            403,
            f"This token has the scope {holder.scope}, and submissions need submit; ask for one with that scope.",
            headers={"WWW-Authenticate": 'Bearer error="insufficient_scope", scope="submit"'},
        )
    return holder.user


# The user of a token that may submit.
Submitter = Annotated[str, Depends(_submitter)]
