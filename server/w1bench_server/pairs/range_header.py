"""Range requests (RFC 9110, section 14): the requested bytes that a file has."""

import re
from collections.abc import Mapping

from w1bench_server.errors import ProblemError

Span = tuple[int, int]  # the first and the last byte
_MOST_SPANS = 100
_LARGEST_DIGITS = 18  # no file has more bytes, and longer numbers are slow to parse
_SPAN = re.compile(rf"[ \t]*(\d{{0,{_LARGEST_DIGITS}}})-(\d{{0,{_LARGEST_DIGITS}}})[ \t]*")


def requested_spans(headers: Mapping[str, str], *, etag: str, last_modified: str, size: int) -> list[Span] | None:
    """The spans to answer, cut at the end of the file, in order and apart; None where the answer is the whole file.

    A Range that is malformed, in other units, of too many spans or of another version of the file (If-Range) is ignored, as the
    RFC allows.

    Raises:
        ProblemError: 416, when all of it lies beyond the file.
    """
    value = headers.get("range")
    if value is None or headers.get("if-range", etag) not in (etag, last_modified):
        return None
    unit, equals, spans = value.partition("=")
    bounds = [_bounds(span, size) for span in spans.split(",")]
    if unit.strip().lower() != "bytes" or not equals or None in bounds or len(bounds) > _MOST_SPANS:
        return None
    satisfiable = sorted((first, last) for first, last in filter(None, bounds) if first <= last)
    if not satisfiable:
        raise ProblemError(
            416, f"The file has {size} bytes; give a range within them.", headers={"Content-Range": f"bytes */{size}"}
        )
    return _merged(satisfiable)


def _merged(spans: list[Span]) -> list[Span]:
    """Sorted spans, those that overlap or touch as one."""
    merged = spans[:1]
    for first, last in spans[1:]:
        if first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def _bounds(span: str, size: int) -> Span | None:
    """First and last byte of `first-last`, `first-` or `-count`; last < first where the file has none; None if malformed."""
    match = _SPAN.fullmatch(span)
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        return (max(0, size - int(last)), size - 1) if int(last) else (size, size - 1)
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last), size - 1) if last else size - 1
