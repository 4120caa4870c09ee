"""Quota: how many submissions of one user are scored a day; what was refused, or was there before, does not count.

Each sealed pair has a quota of its own, and submissions to it do not count towards the daily one.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

from sqlalchemy import Connection, bindparam, func, select

from w1bench_server.database.tables import jobs, ledger
from w1bench_server.database.times import text_of
from w1bench_server.errors import ProblemError
from w1bench_server.jobs.job import OPEN, SCORING
from w1bench_server.pairs.catalogue import PublishedPair
from w1bench_server.settings import Settings

_CAME = func.coalesce(ledger.c.clock, ledger.c.at)
_RECORDED = select(func.count()).where(
    ledger.c.kind == "submission",
    ledger.c.user == bindparam("user"),
    bindparam("midnight") <= _CAME,
    bindparam("tomorrow") > _CAME,
)
_WAITING = select(func.count()).where(
    jobs.c.queue.in_(SCORING), jobs.c.user == bindparam("user"), jobs.c.state.in_(OPEN)
)
# How many count, made once: to write a statement down takes longer than to execute it.
_OPEN_PAIRS = select(
    _RECORDED.where(ledger.c.sealed.is_(False)).scalar_subquery()
    + _WAITING.where(jobs.c.queue != "sealed").scalar_subquery()
)
_SEALED_PAIR = select(
    _RECORDED.where(ledger.c.sealed, ledger.c.pair == bindparam("pair")).scalar_subquery()
    + _WAITING.where(jobs.c.pair == bindparam("pair")).scalar_subquery()
)


@dataclass(frozen=True)
class Quota:
    """At most `daily` submissions of `user` since midnight, UTC, recorded or waiting as jobs: to open pairs, or to one sealed `pair`."""

    user: str
    daily: int
    pair: str | None = None

    def check(self, connection: Connection, *, now: datetime | None = None) -> None:
        """Raise where one more submission would exceed the quota.

        Raises:
            ProblemError: 429, with the seconds until midnight.
        """
        moment = now or datetime.now(UTC)
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        tomorrow = midnight + timedelta(days=1)
        asked = {"user": self.user, "pair": self.pair, "midnight": text_of(midnight), "tomorrow": text_of(tomorrow)}
        if connection.execute(_OPEN_PAIRS if self.pair is None else _SEALED_PAIR, asked).scalar_one() < self.daily:
            return
        raise ProblemError(
            429,
            f"{self.daily} of your submissions were scored today or are waiting to be, which is the limit; send this one again "
            f"after {tomorrow.isoformat(timespec='minutes')}.",
            headers={"Retry-After": str(ceil((tomorrow - moment).total_seconds()))},
        )


def quota_of(settings: Settings, user: str, pair: PublishedPair) -> Quota:
    """The quota that a user's submission to a pair counts towards."""
    if pair.is_sealed:
        return Quota(user, settings.sealed_submissions, pair.name)
    return Quota(user, settings.daily_submissions)
