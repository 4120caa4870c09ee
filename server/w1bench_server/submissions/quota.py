"""Quota: how many submissions of one user are scored a day; what was refused, or was there before, does not count.

Those to sealed pairs have a quota for each pair, and do not count towards the daily one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

from sqlalchemy import Connection, Engine, func, select

from w1bench_server.database.tables import jobs, ledger
from w1bench_server.database.times import text_of
from w1bench_server.errors import ProblemError
from w1bench_server.jobs.job import OPEN, SCORING


@dataclass(frozen=True)
class Quota:
    """At most `daily` rows of `user` in the ledger since midnight, UTC, and jobs that may become one: to open pairs, or to one `pair`."""

    user: str
    daily: int
    pair: str | None = None

    def look(self, engine: Engine) -> None:
        """As `check`, before work is done in vain; whoever is faster meanwhile may use it up."""
        with engine.connect() as connection:
            self.check(connection)

    def check(self, connection: Connection, *, now: datetime | None = None) -> None:
        """Hold one more row against the quota.

        Raises:
            ProblemError: 429, with the seconds until midnight.
        """
        moment = now or datetime.now(UTC)
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        today = select(func.count()).where(
            ledger.c.kind == "submission", ledger.c.user == self.user, ledger.c.at >= text_of(midnight)
        )
        waiting = select(func.count()).where(
            jobs.c.queue.in_(SCORING), jobs.c.user == self.user, jobs.c.state.in_(OPEN)
        )
        if self.pair is None:
            today = today.where(ledger.c.sealed.is_(False))
            waiting = waiting.where(jobs.c.queue != "sealed")
        else:
            today = today.where(ledger.c.sealed, ledger.c.pair == self.pair)
            waiting = waiting.where(jobs.c.pair == self.pair)
        if connection.execute(today).scalar_one() + connection.execute(waiting).scalar_one() < self.daily:
            return
        tomorrow = midnight + timedelta(days=1)
        raise ProblemError(
            429,
            f"{self.daily} of your submissions were scored today or wait to be, which is the most; send this one again after "
            f"{tomorrow.isoformat(timespec='minutes')}.",
            headers={"Retry-After": str(ceil((tomorrow - moment).total_seconds()))},
        )
