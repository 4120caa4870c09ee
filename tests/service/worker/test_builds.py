"""A worker builds pairs, and whatever is killed meanwhile, each job ends once, and rightly.

This is of what workers and builders do. What the database does then, test_queue and test_consumer hold on both, with kills, too.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from starlette.testclient import TestClient

from support.files import assert_same
from support.processes import descendants, wait_for
from support.recipes import SLOW, small_recipe
from support.servers import ended, working
from w1bench.archive.catalogue import catalogue
from w1bench.builder.build import build
from w1bench.builder.verify import verify
from w1bench.errors import InputError, MissingExtraError
from w1bench.recipes.recipe import Recipe
from w1bench_server.settings import Settings
from w1bench_server.worker.process import work

PAIR = "small-d2-n4-p8"
Left = Callable[[Settings], list[str]]
QUICK = small_recipe("quick")


def builders(worker: int) -> list[psutil.Process]:
    return descendants(worker, "build_process import main")


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"], indirect=True)
def test_a_pair_is_built_and_published_without_a_restart(
    service: TestClient, own: Settings, ask: Callable[[Recipe], str], tmp_path: Path, left: Left
) -> None:
    job = ask(QUICK)
    assert [pair["name"] for pair in service.get("/v1/pairs").json()["pairs"]] == [PAIR]
    with working(own, "build") as worker:
        row = ended(service, job)
        assert (row["state"], row["reason"], row["result"], row["attempts"]) == (
            "succeeded",
            None,
            "/v1/pairs/quick",
            1,
        )
        assert row["progress"]["done"] == row["progress"]["total"] > 0
        assert row["created_at"] <= row["started_at"] <= row["ended_at"]
        assert service.get(row["result"]).json()["recipe_sha256"] == QUICK.sha256()
        assert [pair["name"] for pair in service.get("/v1/pairs").json()["pairs"]] == ["quick", PAIR]
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0
    assert_same(own.archive / "quick", build(QUICK, tmp_path / "here"))
    assert left(own) == []


def test_a_build_goes_on_after_kills_and_gives_the_same_pair(
    service: TestClient, own: Settings, ask: Callable[[Recipe], str], slow_pair: Path, left: Left
) -> None:
    job, often = ask(SLOW), own.model_copy(update={"job_attempts": 99})
    shards = own.archive / f".{SLOW.name}.building" / "shards"

    def stored(count: int) -> list[psutil.Process]:
        """The processes that build, once there are so many shards."""
        wait_for(lambda: len(list(shards.glob("*.npz"))) >= count and builders(worker.pid) != [])
        return builders(worker.pid)

    for kept in (1, 12):  # shards of the process that is killed, and of the worker that is after it
        with working(often, "build") as worker:
            old = stored(kept)
            old[0].kill()
            wait_for(lambda: [new.pid for new in builders(worker.pid)] not in ([], [old[0].pid]))  # noqa: B023
            old = stored(kept + 3)
            worker.kill()
            assert psutil.wait_procs(old, timeout=10)[1] == []  # the process that built ends with it
    with working(often, "build"):
        row = ended(service, job)
        wait_for(lambda: left(own) == [])  # the end is told before what the job left is removed
    assert row["state"] == "succeeded", row
    assert row["attempts"] >= 5
    assert all(figure.holds for figure in verify(own.archive / SLOW.name))
    assert_same(own.archive / SLOW.name, slow_pair)
    assert [entry.name for entry in catalogue(own.archive)] == [SLOW.name, PAIR]


def test_a_build_whose_process_dies_each_time_has_failed_and_leaves_nothing(
    service: TestClient, own: Settings, ask: Callable[[Recipe], str], left: Left
) -> None:
    job = ask(SLOW)
    with working(own.model_copy(update={"job_attempts": 2}), "build") as worker:
        while not service.get(f"/v1/jobs/{job}").json()["ended_at"]:
            for builder in builders(worker.pid):
                builder.kill()
            time.sleep(0.05)
    row = service.get(f"/v1/jobs/{job}").json()
    assert (row["state"], row["reason"], row["attempts"]) == ("failed", "Its worker died 2 times.", 2)
    wait_for(lambda: left(own) == [])
    assert not (own.archive / SLOW.name).exists()
    assert service.app_state["service"].jobs.open() == []


def test_a_running_build_is_cancelled_and_another_may_take_its_name(
    service: TestClient, own: Settings, ask: Callable[[Recipe], str], bearer: Callable[..., Any], left: Left
) -> None:
    job, admin = ask(SLOW), bearer(own, scope="admin")
    with working(own, "build") as worker:
        wait_for(lambda: (service.get(f"/v1/jobs/{job}").json()["progress"] or {"done": 0})["done"] > 0)
        assert builders(worker.pid)[0].nice() == psutil.Process().nice() + own.build_nice
        assert service.post(f"/v1/jobs/{job}/cancel", headers=admin).json()["state"] == "running"
        row = ended(service, job)
        assert (row["state"], row["reason"]) == ("cancelled", "It was cancelled.")
        wait_for(lambda: left(own) == [] and builders(worker.pid) == [])
        again = ask(small_recipe(SLOW.name))
        assert ended(service, again)["state"] == "succeeded"
        assert service.post(f"/v1/jobs/{again}/cancel", headers=admin).json()["state"] == "succeeded"


def test_a_build_that_takes_too_long_has_failed(
    service: TestClient, own: Settings, ask: Callable[[Recipe], str], left: Left
) -> None:
    job = ask(SLOW)
    with working(own.model_copy(update={"build_seconds": 0.1}), "build"):
        row = ended(service, job)
        wait_for(lambda: left(own) == [])  # the end is told before what the job left is removed
    assert (row["state"], row["attempts"]) == ("failed", 1)
    assert "longer than 0.1 s" in row["reason"]


def test_nothing_is_built_where_there_is_no_room(
    service: TestClient, own: Settings, ask: Callable[[Recipe], str], left: Left
) -> None:
    job = ask(QUICK)
    with working(own.model_copy(update={"min_free_bytes": 1 << 60, "job_attempts": 2}), "build"):
        row = ended(service, job)
        wait_for(lambda: left(own) == [])  # the end is told before what the job left is removed
    assert (row["state"], row["attempts"]) == ("failed", 2)
    assert "disk is full" in row["reason"]


def test_a_worker_that_is_told_to_stop_hands_its_build_back(
    service: TestClient, own: Settings, ask: Callable[[Recipe], str]
) -> None:
    job = ask(SLOW)
    with working(own, "build") as worker:
        wait_for(lambda: (service.get(f"/v1/jobs/{job}").json()["progress"] or {"done": 0})["done"] > 0)
        worker.send_signal(signal.SIGINT)
        assert worker.wait(20) == 0
    row = service.get(f"/v1/jobs/{job}").json()
    assert (row["state"], row["attempts"]) == ("queued", 0)
    with working(own, "build"):
        assert ended(service, job)["attempts"] == 1


def test_a_cluster_that_does_not_answer_is_asked_again_and_then_said(
    service: TestClient, own: Settings, ask: Callable[[Recipe], str], left: Left
) -> None:
    job = ask(QUICK)
    with working(own.model_copy(update={"ray_address": "127.0.0.1:9", "job_attempts": 2}), "build"):
        row = ended(service, job)
        wait_for(lambda: left(own) == [])  # the end is told before what the job left is removed
    assert (row["state"], row["attempts"]) == ("failed", 2)
    assert row["reason"] == "The cluster that builds cannot be reached, or lost its machines."


def test_a_worker_without_what_builds_says_so(own: Settings) -> None:
    with pytest.raises(MissingExtraError, match="extra `torch`.*leave --queue build out"):
        work(own, ["build"], libraries=["torch", "a_library_that_is_not_there"])
    with pytest.raises(InputError, match="There is no queue 'bake'; there are: build, score"):
        work(own, ["bake"])
