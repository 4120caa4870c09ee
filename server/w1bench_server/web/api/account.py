"""The endpoint of a token: whose it is, and what it may do."""

from fastapi import APIRouter

from w1bench_server.web.api.schemas.base import Part
from w1bench_server.web.auth.access import Caller
from w1bench_server.web.dependencies import read

router = APIRouter(prefix="/v1", tags=["tokens"])


class Account(Part):
    """The user and the scope of a token: `submit` makes submissions, `admin` manages the service."""

    user: str
    scope: str


@read(router, "/whoami")
async def whoami(holder: Caller) -> Account:
    """Whose token was sent, and its scope."""
    return Account(user=holder.user, scope=holder.scope)
