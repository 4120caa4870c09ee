"""A Range never fails a request: what it asks for is honoured, unsatisfiable, or ignored."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from w1bench_server.errors import ProblemError
from w1bench_server.pairs.range_header import Span, requested_spans

SIZE = 100
DAY = "Mon, 01 Jan 2030 00:00:00 GMT"


def spans(value: str, **headers: str) -> list[Span] | None:
    return requested_spans({"range": value, **headers}, etag='"e"', last_modified=DAY, size=SIZE)


@pytest.mark.parametrize(
    ("asked", "honoured"),
    [
        ("bytes=0-9", [(0, 9)]),
        ("BYTES = 0-9", [(0, 9)]),
        ("bytes=90-", [(90, 99)]),
        ("bytes=-7", [(93, 99)]),
        ("bytes=-700", [(0, 99)]),
        ("bytes=5-500", [(5, 99)]),
        ("bytes=0-0, 500-600, -1", [(0, 0), (99, 99)]),
        ("bytes=50-59, 0-9, 55-70, 10-19", [(0, 19), (50, 70)]),
    ],
)
def test_what_there_is_is_given(asked: str, honoured: list[Span]) -> None:
    assert spans(asked) == honoured


@pytest.mark.parametrize(
    "asked",
    ["", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=9-5", "lines=0-9", "bytes=0-9;5", f"bytes=0-{'9' * 5000}"],
)
def test_what_is_malformed_is_ignored(asked: str) -> None:
    assert spans(asked) is None


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=100-,200-300"])
def test_what_lies_beyond_the_end_is_416(asked: str) -> None:
    with pytest.raises(ProblemError) as refused:
        spans(asked)
    assert refused.value.status == 416
    assert refused.value.headers == {"Content-Range": "bytes */100"}


def test_if_range_of_another_version_means_the_whole_file() -> None:
    for same in ('"e"', DAY):
        assert spans("bytes=0-9", **{"if-range": same}) == [(0, 9)]
    for other in ('"f"', 'W/"e"', "", "nonsense"):
        assert spans("bytes=0-9", **{"if-range": other}) is None
        assert spans("bytes=500-", **{"if-range": other}) is None


@given(st.text(max_size=40) | st.from_regex(r"bytes=[-0-9, ]{0,20}", fullmatch=True))
@example("bytes=²-³")
def test_any_text_is_dealt_with(asked: str) -> None:
    try:
        honoured = spans(asked)
    except ProblemError:
        honoured = None
    end = -1
    for first, last in honoured or []:
        assert end < first <= last < SIZE
        end = last
