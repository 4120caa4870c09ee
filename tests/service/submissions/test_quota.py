"""A user's quota of a day counts what was scored, exactly, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.testclient import TestClient

from w1bench_server.database import connection as database
from w1bench_server.errors import ProblemError
from w1bench_server.ledger.chain import check_chain
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.settings import Settings
from w1bench_server.submissions.quota import Quota
from w1bench_server.web.app import create_app

URL = "/v1/submissions?pair=small-d2-n4-p8&method=mine"
DAILY = 2


def test_only_scored_submissions_count(
    settings: Settings, bearer: Callable[..., Any], truth: dict[str, Any], npy: Callable[..., bytes], is_problem: Any
) -> None:
    ann, bob = bearer(settings), bearer(settings, "bob")
    bodies = [npy(scale * truth["gradient"]) for scale in range(1, 8)]

    def post(body: bytes, headers: dict[str, str] = ann, url: str = URL) -> Any:
        return client.post(url, content=body, headers=headers)

    with TestClient(create_app(settings.model_copy(update={"daily_submissions": DAILY}))) as client:
        assert [post(b"bad").status_code for _ in range(DAILY + 1)] == [422] * (DAILY + 1)
        assert client.post("/v1/validate?pair=small-d2-n4-p8", content=bodies[0], headers=ann).status_code == 200
        assert [post(bodies[0]).status_code for _ in range(DAILY + 1)] == [201] + [200] * DAILY
        with ThreadPoolExecutor(len(bodies)) as threads:
            together = sorted(answer.status_code for answer in threads.map(post, bodies[1:]))
        assert together == [201] + [429] * (len(bodies) - 2)
        refused = post(bodies[1], bearer(settings, days=1)) if post(bodies[1]).status_code == 429 else post(bodies[2])
        assert f"{DAILY} of your submissions" in is_problem(refused, 429)["detail"]
        assert 0 < int(refused.headers["retry-after"]) <= 86_400
        assert post(bodies[0]).status_code == 200
        assert post(bodies[1], bob, URL.replace("mine", "his")).status_code == 201
    assert list((settings.data / "incoming").iterdir()) == []


def test_it_begins_anew_at_midnight(settings: Settings, make_entry: Callable[..., Any]) -> None:
    with database.opened(settings) as engine:
        ledger = Ledger(engine)
        for name in ("a", "b"):
            ledger.append(make_entry(name), resampled=b"values")  # submitted at 2030-01-01T00:00:00.000
        with engine.connect() as connection:
            Quota("ann", 3).check(connection, now=datetime(2030, 1, 1, 23, 59, tzinfo=UTC))
            Quota("bob", 2).check(connection, now=datetime(2030, 1, 1, 23, 59, tzinfo=UTC))
            with pytest.raises(ProblemError, match=r"2030-01-02T00:00\+00:00") as refused:
                Quota("ann", 2).check(connection, now=datetime(2030, 1, 1, 23, 59, tzinfo=UTC))
            assert refused.value.headers == {"Retry-After": "60"}
            Quota("ann", 2).check(connection, now=datetime(2030, 1, 2, tzinfo=UTC))


def test_a_clock_that_ran_ahead_once_locks_nobody_out(settings: Settings, make_entry: Callable[..., Any]) -> None:
    """Rows keep their order by time, and yet each counts on the day on which it came."""
    today, tomorrow = datetime(2030, 1, 1, 23, tzinfo=UTC), datetime(2030, 1, 2, 1, tzinfo=UTC)
    with database.opened(settings) as engine:
        ledger = Ledger(engine)
        ledger.append(replace(make_entry("ahead"), submitted_at="2031-01-01T00:00:00.000+00:00"))
        for name in ("a", "b"):
            ledger.append(make_entry(name))  # at 2030-01-01T00:00:00.000 by the clock
        rows = ledger.rows()
        check_chain(rows)
        assert {row.at for row in rows} == {"2031-01-01T00:00:00.000+00:00"}
        with engine.connect() as connection:
            Quota("ann", 3).check(connection, now=today)
            with pytest.raises(ProblemError, match="2 of your submissions"):
                Quota("ann", 2).check(connection, now=today)
            Quota("ann", 1).check(connection, now=tomorrow)
            Quota("ann", 2).check(connection, now=datetime(2031, 1, 1, 1, tzinfo=UTC))
            with pytest.raises(ProblemError, match="1 of your submissions"):
                Quota("ann", 1).check(connection, now=datetime(2031, 1, 1, 1, tzinfo=UTC))
