"""Range requests (RFC 9110, section 14): which bytes of a file are asked for, and which of them there are."""

from __future__ import annotations

import re
from collections.abc import Mapping

from w1bench_server.errors import ProblemError

_LARGEST_DIGITS = 18  # no file is longer, and longer numbers take long to read
_SPAN = re.compile(rf"[ \t]*(\d{{0,{_LARGEST_DIGITS}}})-(\d{{0,{_LARGEST_DIGITS}}})[ \t]*")


def usable_range(headers: Mapping[str, str], *, etag: str, last_modified: str, size: int) -> str | None:
    """The Range to honour, without what lies beyond the file; None where the whole file is the answer.

    A Range that is malformed, in other units or of another version of the file (If-Range) is ignored, as the RFC says.

    Raises:
        ProblemError: 416, when all of it lies beyond the file.
    """
    asked = headers.get("range")
    if asked is None or headers.get("if-range", etag) not in (etag, last_modified):
        return None
    unit, equals, spans = asked.partition("=")
    bounds = [_bounds(span, size) for span in spans.split(",")]
    if unit.strip().lower() != "bytes" or not equals or None in bounds:
        return None
    there = [f"{first}-{last}" for first, last in filter(None, bounds) if first <= last]
    if not there:
        raise ProblemError(
            416, f"The file has {size} bytes; ask for some of them.", headers={"Content-Range": f"bytes */{size}"}
        )
    return "bytes=" + ",".join(there)


def _bounds(span: str, size: int) -> tuple[int, int] | None:
    """First and last byte of `first-last`, `first-` or `-count`; last < first where the file has none; None if malformed."""
    found = _SPAN.fullmatch(span)
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        return (max(0, size - int(last)), size - 1) if int(last) else (size, size - 1)
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last), size - 1) if last else size - 1
