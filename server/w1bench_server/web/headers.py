"""The headers of every response: its request's id, and what browsers and other origins may do with it."""

from uuid import uuid4

from starlette.types import Scope

REQUEST_ID = "X-Request-ID"
SHARED_METHODS = ("GET", "HEAD")  # the methods of other origins, without credentials
_EXPOSED = "Content-Range, ETag, Location, Repr-Digest, Retry-After, X-Request-ID"
_PROTECTING = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; form-action 'none'; "
    "frame-ancestors 'none'; base-uri 'none'",
}
_HTTPS_ALONE = {"Strict-Transport-Security": "max-age=31536000"}


def request_id(scope: Scope) -> str:
    """The id of a request, made on first use."""
    return scope.setdefault("state", {}).setdefault("request_id", uuid4().hex)


def shared_headers(scope: Scope) -> dict[str, str]:
    """The headers that a response to the request of `scope` gets unless it sets them itself."""
    public = scope["method"] in SHARED_METHODS and not any(name == b"authorization" for name, _ in scope["headers"])
    headers = _PROTECTING | {REQUEST_ID: request_id(scope), "Cache-Control": "no-cache" if public else "no-store"}
    if scope["app"].state.https:
        headers |= _HTTPS_ALONE
    if scope["method"] in SHARED_METHODS:
        headers |= {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": _EXPOSED}
    return headers
