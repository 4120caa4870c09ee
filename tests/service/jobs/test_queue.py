"""A job is claimed, put back, claimed again, and ends once, with a reason; a worker that lost it cannot change it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from w1bench_server.database import connection as database
from w1bench_server.errors import KeyReusedError, UnknownJobError
from w1bench_server.jobs.job import OPEN, QUEUES, STATES, Ended, Job, Progress, new_job
from w1bench_server.jobs.queue import Jobs
from w1bench_server.settings import Settings

DATABASES = ("sqlite", "postgresql")
MOST = 3
MINE = "mine.1"
DONE = Ended("succeeded", result="x")


@pytest.fixture
def jobs(settings: Settings) -> Iterator[Jobs]:
    with database.opened(settings) as engine:
        yield Jobs(engine)


def made(content: str = "c", **others: Any) -> Job:
    fields = {"user": "ann", "pair": "x", "document": "{}"} | others
    return new_job(fields.pop("queue", "build"), content=content, **fields)


def claimed(
    jobs: Jobs, worker: str = MINE, *, queue: str = "build", most: int = MOST, dead: frozenset[str] = frozenset()
) -> Job:
    """The job that a worker claims next, also if it holds it already."""
    job = jobs.claim(queue, worker, most=most, dead=dead)
    assert job is not None
    return job


def test_a_job_goes_from_queued_over_running_to_its_end(jobs: Jobs) -> None:
    added, created = jobs.add(made())
    assert created
    assert (added.state, added.attempts, added.started_at, added.progress) == ("queued", 0, None, Progress())
    assert jobs.claim("score", MINE, most=MOST) is None
    running = claimed(jobs)
    assert (running.state, running.attempts, running.ended_at) == ("running", 1, None)
    assert running.started_at is not None
    told = jobs.advance(running, Progress(3, 10, "row"))
    assert told is not None
    assert told == jobs.find(added.id) == replace(running, progress=Progress(3, 10, "row"), version=running.version + 1)
    assert jobs.advance(running, Progress(3, 10, "row")) == told  # nothing new: no new version
    over = jobs.end(running, DONE)
    assert (over.state, over.result, over.reason, over.is_open) == ("succeeded", "x", None, False)
    assert over.created_at <= over.started_at <= over.ended_at  # pyright: ignore[reportOperatorIssue]
    for again in (claimed(jobs), jobs.cancel(added.id), jobs.end(running, Ended("failed"))):
        assert again == over  # and still to be cleaned up
    jobs.release(over)
    assert jobs.find(added.id) == replace(over, worker=None)
    assert jobs.claim("build", MINE, most=MOST) is None


def test_a_job_whose_worker_dies_again_and_again_has_failed(jobs: Jobs) -> None:
    job, _ = jobs.add(made())
    for attempt in range(1, MOST + 1):
        assert claimed(jobs, f"dies.{attempt}", dead=frozenset({f"dies.{attempt - 1}"})).attempts == attempt
        assert jobs.claim("build", "another.1", most=MOST) is None  # it is not known to be dead yet
    failed = claimed(jobs, dead=frozenset({f"dies.{MOST}"}))
    assert failed.id == job.id
    assert (failed.state, failed.reason) == ("failed", f"Its worker died {MOST} times.")
    assert failed.ended_at is not None
    jobs.release(failed)
    jobs.add(made("other"))
    claimed(jobs, most=1)
    assert claimed(jobs, most=1).reason == "Its worker died."


def test_a_worker_that_was_told_to_stop_has_not_died(jobs: Jobs) -> None:
    job, _ = jobs.add(made())
    for _ in range(2 * MOST):
        running = claimed(jobs)
        assert running.state == "running"
        jobs.hand_back(running)
        assert (jobs.find(job.id).state, jobs.find(job.id).attempts) == ("queued", 0)
    jobs.retry(claimed(jobs))
    assert (jobs.find(job.id).state, jobs.find(job.id).attempts) == ("queued", 1)


@pytest.mark.parametrize("put_back", [True, False], ids=["put back", "dead"])
def test_a_worker_that_lost_a_job_cannot_change_it(jobs: Jobs, put_back: bool) -> None:
    jobs.add(made())
    lost = claimed(jobs, "lost.1")
    if put_back:
        jobs.hand_back(lost)
    mine = claimed(jobs, dead=frozenset({"lost.1"}))
    assert mine.attempts == (1 if put_back else 2)
    assert jobs.advance(lost, Progress(1, 2, "row")) is None
    jobs.hand_back(lost)
    jobs.release(lost)
    assert jobs.end(lost, Ended("failed", "lost")) == mine == jobs.find(mine.id)
    assert jobs.end(mine, DONE).state == "succeeded"


def test_one_that_has_not_begun_is_cancelled_at_once_another_by_its_worker(jobs: Jobs) -> None:
    waiting, begun = (jobs.add(made(content))[0] for content in "ab")
    cancelled = jobs.cancel(waiting.id)
    assert (cancelled.state, cancelled.reason) == ("cancelled", "It was cancelled.")
    assert cancelled.ended_at is not None
    running = claimed(jobs)
    assert running.id == begun.id
    asked = jobs.cancel(begun.id)
    assert (asked.state, asked.cancelling) == ("running", True)
    assert jobs.cancel(begun.id) == asked
    heard = jobs.advance(running, Progress())
    assert heard is not None
    assert heard.cancelling
    jobs.hand_back(running)
    assert jobs.cancel(begun.id).state == "queued"  # it has been begun, and what it left is its next worker's to remove
    with pytest.raises(UnknownJobError):
        jobs.cancel("0" * 32)


def test_the_same_content_is_the_same_job_until_it_comes_to_nothing(jobs: Jobs) -> None:
    first, _ = jobs.add(made())
    assert jobs.add(made()) == (first, False)
    assert jobs.known("bob", "c") == first
    for state in ("failed", "cancelled"):
        jobs.release(jobs.end(claimed(jobs), Ended(state, "r")))
        again, created = jobs.add(made())
        assert created
        assert again.id != first.id
        first = again
    jobs.end(claimed(jobs), DONE)
    assert jobs.add(made()) == (jobs.find(first.id), False)
    assert jobs.known("ann", "d") is None


def test_a_key_stands_for_one_content_until_its_job_comes_to_nothing(jobs: Jobs) -> None:
    first, _ = jobs.add(made("a"), key="k")
    assert jobs.add(made("a"), key="k") == (first, False)
    assert jobs.known("ann", "a", key="k") == first
    with pytest.raises(KeyReusedError, match="new key"):
        jobs.add(made("b"), key="k")
    assert jobs.add(replace(made("b", user="bob"), queued_at="9"), key="k")[1]  # a key is the user's own
    jobs.end(claimed(jobs), Ended("failed", "r"))
    other, created = jobs.add(made("e"), key="k")
    assert created
    with pytest.raises(KeyReusedError):
        jobs.known("ann", "a", key="k")
    assert jobs.known("ann", "e", key="k") == other


def test_what_is_not_admitted_leaves_nothing(jobs: Jobs) -> None:
    def refuse(_: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        jobs.add(made(), key="k", admit=refuse)
    assert jobs.page(limit=9) == []
    assert jobs.add(made("other"), key="k")[1]


def test_twenty_at_once_make_one_job_and_one_claims_it(jobs: Jobs) -> None:
    with ThreadPoolExecutor(20) as threads:
        added = list(threads.map(lambda _: jobs.add(made()), range(20)))
        assert sorted(created for _, created in added) == [False] * 19 + [True]
        claims = list(threads.map(lambda place: jobs.claim("build", f"mine.{place}", most=99), range(20)))
    assert [job.id for job in claims if job is not None] == [added[0][0].id]


def test_pages_have_the_newest_first_and_none_twice(jobs: Jobs) -> None:
    made_at = [f"2030-01-0{1 + n // 2}T00:00:00.000+00:00" for n in range(6)]  # two at a time
    every = [jobs.add(replace(made(str(n)), created_at=at, id=f"{n:032x}"))[0] for n, at in enumerate(made_at)]
    found: list[Job] = []
    while page := jobs.page(limit=4, before=(found[-1].created_at, found[-1].id) if found else None):
        found += page
    assert found == every[::-1]
    running = claimed(jobs)
    assert jobs.page(limit=9, state="running") == [running]
    assert jobs.page(limit=9, queue="score") == []
    assert [job.id for job in jobs.open()] == [job.id for job in every]
    assert jobs.open(["score"]) == []


def test_what_waits_is_counted(jobs: Jobs) -> None:
    assert set(jobs.counts()) == {(queue, state) for queue in QUEUES for state in STATES}
    assert set(jobs.waiting_seconds().values()) == {0.0}
    old, _ = jobs.add(replace(made("a"), created_at="2020-01-01T00:00:00.000+00:00"))
    jobs.add(made("b", queue="score"))
    waiting = jobs.waiting_seconds()
    assert waiting["build"] > 1e6
    assert 0 <= waiting["score"] < 60
    assert claimed(jobs).id == old.id
    assert jobs.waiting_seconds()["build"] == 0
    assert {key: count for key, count in jobs.counts().items() if count} == {
        ("build", "running"): 1,
        ("score", "queued"): 1,
    }
    assert set(OPEN) < set(STATES)
