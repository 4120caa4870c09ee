"""Pages of pairs, submissions, jobs and the leaderboard; a cursor encodes the last item of the page before, or where the next begins."""

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from typing import Annotated

from fastapi import Query

from w1bench.archive.catalogue import entry
from w1bench_server.errors import ProblemError
from w1bench_server.jobs.queue import Jobs
from w1bench_server.leaderboard.parts import Position
from w1bench_server.ledger.records import Record
from w1bench_server.pairs.catalogue import PublishedPair
from w1bench_server.submissions.redaction import PublicRecords
from w1bench_server.web.api.schemas.jobs import JobPage, job_row
from w1bench_server.web.api.schemas.pairs import PairEntry, PairPage
from w1bench_server.web.api.schemas.submissions import SubmissionPage, submission_row

LARGEST_PAGE = 500
Limit = Annotated[int, Query(ge=1, description="Items a page.", json_schema_extra={"maximum": LARGEST_PAGE})]
Cursor = Annotated[str | None, Query(description="`next` of the page before.")]


def page(pairs: Iterable[PublishedPair], *, limit: int, cursor: str | None) -> PairPage:
    """Up to `limit` pairs after the cursor, by name; pairs that are published meanwhile do not shift the pages.

    Raises:
        ProblemError: 400 for a longer page, or a cursor that is not valid.
    """
    check_limit(limit, "pairs")
    after = _read(cursor) if cursor else ""
    following = sorted((pair for pair in pairs if pair.name > after), key=lambda pair: pair.name)
    shown = following[:limit]
    more = len(following) > limit
    return PairPage(pairs=[_entry(pair) for pair in shown], next=_write(shown[-1].name) if more else None)


def submission_page(
    records: Sequence[Record], public_records: PublicRecords, origin: str, *, limit: int, cursor: str | None
) -> SubmissionPage:
    """Up to `limit` records after the cursor, redacted where necessary; raises as `page`."""
    check_limit(limit, "submissions")
    after = _read(cursor) if cursor else "0"
    if not after.isdecimal():
        raise _invalid_cursor()
    following = [record for record in records if record.seq > int(after[:18])]
    shown, more = following[:limit], len(following) > limit
    rows = [submission_row(public_records.of(record), origin, public_records.pairs) for record in shown]
    return SubmissionPage(submissions=rows, next=_write(str(shown[-1].seq)) if more else None)


def job_page(jobs: Jobs, *, limit: int, cursor: str | None, **filters: str | None) -> JobPage:
    """Up to `limit` jobs before the cursor, the newest first; raises as `page`."""
    check_limit(limit, "jobs")
    before = None
    if cursor:
        time, _, identity = _read(cursor).partition(" ")
        before = (time, identity)
    following = jobs.page(limit=limit + 1, before=before, **filters)
    shown = following[:limit]
    after = _write(f"{shown[-1].created_at} {shown[-1].id}") if len(following) > limit else None
    return JobPage(jobs=[job_row(job) for job in shown], next=after)


def check_limit(limit: int, what: str) -> None:
    """Raise 400 for a page that is longer than the longest."""
    if limit > LARGEST_PAGE:
        raise ProblemError(400, f"A page has at most {LARGEST_PAGE} {what}; ask for fewer.", pointer="#/query/limit")


def write_position(position: Position | None) -> str | None:
    """The cursor of a part of the leaderboard; None where there is none."""
    return position and _write(f"{position.as_of} {position.offset} {position.section}")


def read_position(cursor: str | None) -> Position | None:
    """The position of a cursor; raises as `page`."""
    if not cursor:
        return None
    numbers = re.fullmatch(r"([0-9]{1,15}) ([0-9]{1,15}) ([^ ]*)", _read(cursor))
    if numbers is None:
        raise _invalid_cursor()
    return Position(int(numbers[1]), int(numbers[2]), numbers[3])


def _entry(pair: PublishedPair) -> PairEntry:
    return PairEntry(**entry(pair.manifest).model_dump(), track=pair.track)


def _write(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")


def _read(cursor: str) -> str:
    try:
        name = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise _invalid_cursor() from None
    if "\0" in name:
        raise _invalid_cursor()
    return name


def _invalid_cursor() -> ProblemError:
    return ProblemError(
        400, "This cursor is not valid; use `next` of the page before, or leave it out.", pointer="#/query/cursor"
    )
