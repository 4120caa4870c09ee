"""Workers claim the jobs of one table: each job is done by one of them, and by another as soon as that one is dead."""

from __future__ import annotations

import queue
import signal
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event
from typing import Any

import httpx2
import psutil
import pytest
from starlette.testclient import TestClient

from support.processes import descendants, wait_for
from support.recipes import SLOW, small_recipe
from support.servers import ended, serving, working
from w1bench.recipes.recipe import Recipe
from w1bench_server.database import connection as database
from w1bench_server.jobs.job import Ended, Job, new_job
from w1bench_server.jobs.queue import Jobs
from w1bench_server.settings import Settings
from w1bench_server.worker.consumer import Consumer
from w1bench_server.worker.data_location import DataLocation
from w1bench_server.worker.liveness import Liveness

DATABASES = ("sqlite", "postgresql")
PAIR = "small-d2-n4-p8"
MINE = {"pair": PAIR, "method": "mine"}
QUICK = small_recipe("quick")
WORKER = "worker.process import main"  # a server's own
WITHIN_SECONDS = 15.0  # of a death, on a busy machine; nobody takes over later than the next look


@pytest.fixture
def liveness(settings: Settings) -> Iterator[Liveness]:
    with database.opened(settings) as engine:
        yield Liveness(engine, settings.data / "workers")


@pytest.fixture
def jobs(liveness: Liveness) -> Jobs:
    return Jobs(liveness.engine)


def added(jobs: Jobs, content: str) -> Job:
    """A new job, after those before: places in the queue are told apart by milliseconds."""
    time.sleep(0.002)
    return jobs.add(new_job("build", user="ann", pair="x", content=content, document="{}"))[0]


@contextmanager
def consumed(jobs: Jobs, liveness: Liveness, worker: str, *, slots: int = 1) -> Generator[queue.Queue[Job]]:
    """The jobs that a worker is given, as they come; each has ended as soon as it has come."""
    given: queue.Queue[Job] = queue.Queue()

    def do(job: Job) -> None:
        jobs.release(jobs.end(job, Ended("succeeded")) if job.is_open else job)
        given.put(job)

    own = Consumer(jobs, liveness, DataLocation({}), worker, most=9)
    with liveness.register(worker):
        own.find_dead()
        with own.consumed(do, {"build": slots}, Event(), grace=10):
            yield given


def test_each_job_is_done_once_by_workers_that_look_at_the_same_time(jobs: Jobs, liveness: Liveness) -> None:
    every = [added(jobs, str(number)).id for number in range(20)]
    with consumed(jobs, liveness, "one", slots=3) as first, consumed(jobs, liveness, "two", slots=3) as second:
        wait_for(lambda: first.qsize() + second.qsize() == len(every))
    done = [*first.queue, *second.queue]
    assert Counter(job.id for job in done) == Counter(every)
    assert {job.attempts for job in done} == {1}
    assert jobs.holders() == set()


def test_a_job_is_claimed_again_when_its_worker_is_dead_and_not_before(jobs: Jobs, liveness: Liveness) -> None:
    held, open_, over = (added(jobs, content) for content in "abc")
    with liveness.register("alive"):
        assert jobs.claim("build", "alive.1", most=9) == jobs.find(held.id)
        for holder in ("dead.1", "dead.2"):
            jobs.claim("build", holder, most=9)
        ended_ = jobs.end(jobs.find(over.id), Ended("succeeded", result="x"))
        with consumed(jobs, liveness, "mine") as given:
            assert [given.get(timeout=60) for _ in range(2)][1] == replace(
                ended_, worker="mine.1"
            )  # to be cleaned up alone
            waiting = added(jobs, "d")
            assert given.get(timeout=60).id == waiting.id
    assert (jobs.find(open_.id).attempts, jobs.find(over.id).attempts) == (2, 1)
    assert jobs.find(held.id).state == "running"
    assert jobs.holders() == {"alive.1"}


def test_a_job_that_was_claimed_unknown_to_its_worker_is_claimed_again(jobs: Jobs, liveness: Liveness) -> None:
    job = added(jobs, "a")
    jobs.claim("build", "mine.1", most=9)  # and the database broke off before the answer came
    with consumed(jobs, liveness, "mine") as given:
        again = given.get(timeout=60)
    assert (again.id, again.attempts) == (job.id, 2)


@pytest.mark.parametrize("how", ["handed back", "left to others", "tried again"])
def test_what_is_queued_again_keeps_its_place_only_if_its_worker_was_told_to_stop(
    jobs: Jobs, liveness: Liveness, how: str
) -> None:
    first, second = added(jobs, "a"), added(jobs, "b")
    claimed = jobs.claim("build", "mine.1", most=9)
    assert claimed is not None
    assert claimed.id == first.id
    time.sleep(0.002)
    match how:
        case "handed back":
            jobs.hand_back(claimed)
        case "left to others":
            jobs.hand_back(claimed, last=True)
        case _:
            jobs.retry(claimed)
    order = [first.id, second.id] if how == "handed back" else [second.id, first.id]
    with consumed(jobs, liveness, "mine") as given:
        assert [given.get(timeout=60).id for _ in range(2)] == order


def test_the_job_of_a_killed_worker_is_begun_again_by_one_that_runs_within_seconds(
    service: TestClient, own: Settings, ask: Callable[[Recipe], str]
) -> None:
    job = ask(SLOW)

    def row() -> dict[str, Any]:
        return service.get(f"/v1/jobs/{job}").json()

    with working(own, "build") as first:
        wait_for(lambda: (row()["progress"] or {"done": 0})["done"] > 0)
        with working(own, "build"):
            first.kill()
            wait_for(lambda: row()["attempts"] == 2, seconds=WITHIN_SECONDS)
            assert ended(service, job)["state"] == "succeeded"


def test_a_server_that_is_killed_has_its_jobs_done_by_the_next(
    own: Settings, bearer: Callable[..., Any], truth: dict[str, Any], npy: Callable[..., bytes]
) -> None:
    ann, admin = bearer(own), bearer(own, scope="admin")
    with_worker = own.model_copy(update={"own_worker": "child"})

    def broken_off() -> Iterator[bytes]:
        yield npy(truth["gradient"])[: own.job_bytes]
        wait_for(lambda: list((own.data / "incoming").iterdir()) != [])
        server.kill()
        yield bytes(10)

    with serving(with_worker) as (server, client):
        build = client.post("/v1/pairs", content=QUICK.canonical(), headers=admin).json()["id"]
        scored = client.post("/v1/submissions", params=MINE, content=npy(truth["gradient"]), headers=ann).json()["id"]
        children = psutil.Process(server.pid).children(recursive=True)
        with pytest.raises(httpx2.TransportError):
            client.post("/v1/submissions", params=MINE, content=broken_off(), headers=ann)
        assert psutil.wait_procs(children, timeout=20)[1] == []  # the worker, and what it started
    with serving(with_worker) as (_, client):
        assert [ended(client, job)["state"] for job in (build, scored)] == ["succeeded"] * 2
        assert [row["id"] for row in client.get("/v1/leaderboard").json()["rows"]] == [scored]
        assert len(client.get("/v1/jobs", headers=admin).json()["jobs"]) == 2
    assert list((own.data / "incoming").iterdir()) == []


def test_a_servers_worker_is_started_again(own: Settings, bearer: Callable[..., Any]) -> None:
    with serving(own.model_copy(update={"own_worker": "child"})) as (server, client):
        wait_for(lambda: len(descendants(server.pid, WORKER)) == 1)
        first = descendants(server.pid, WORKER)[0]
        first.kill()
        wait_for(lambda: [worker.pid for worker in descendants(server.pid, WORKER)] not in ([], [first.pid]))
        job = client.post("/v1/pairs", content=QUICK.canonical(), headers=bearer(own, scope="admin")).json()["id"]
        assert ended(client, job)["state"] == "succeeded"
        last = descendants(server.pid, WORKER)
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
        assert psutil.wait_procs(last, timeout=1)[1] == []
