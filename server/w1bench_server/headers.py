"""What every response carries: its request's id, and that anyone may read it."""

from __future__ import annotations

from uuid import uuid4

from starlette.types import Scope

REQUEST_ID = "X-Request-ID"
_EXPOSED = "Content-Range, ETag, Location, Repr-Digest, Retry-After, X-Request-ID"


def request_id(scope: Scope) -> str:
    """The id of a request, given to it when it is first asked for."""
    return scope.setdefault("state", {}).setdefault("request_id", uuid4().hex)


def shared_headers(scope: Scope) -> dict[str, str]:
    """Headers for a response to the request of `scope`, unless it has them already."""
    headers = {REQUEST_ID: request_id(scope), "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
    if scope["method"] in ("GET", "HEAD"):
        headers |= {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": _EXPOSED}
    return headers
