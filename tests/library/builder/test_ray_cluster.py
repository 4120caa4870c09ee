"""A Ray cluster: the bytes of threads from one or two workers, and when a node is killed in between."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from ray.cluster_utils import Cluster

from support.files import TESTS, assert_same
from support.forks import start_server
from support.processes import Fragile, inverse, threads_of_torch, where
from support.recipes import PHOTOS, SLOW
from support.servers import working
from w1bench.builder.build import build
from w1bench.builder.engines.ray_cluster import RayCluster
from w1bench.builder.engines.threads import LocalThreads
from w1bench.errors import MissingExtraError, UnreachableError
from w1bench_server.database import connection as database
from w1bench_server.jobs.job import new_job
from w1bench_server.jobs.queue import Jobs
from w1bench_server.settings import Settings

_NODE = {"num_cpus": 1, "include_dashboard": False}
# A node is given up after 1.5 seconds, not 15; and its tasks do not stand behind all other tests, as Ray's 15 of `nice` would have it.
_SYSTEM = {
    "health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 3, "worker_niceness": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of one processor each on this machine; nothing of them is left afterwards."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        environment.setenv("PYTHONPATH", str(TESTS), prepend=os.pathsep)
        start_server()  # of the tests, whose services are forked from it, and no part of the cluster
        before = _descendants()
        started: Any = Cluster(initialize_head=True, head_node_args=_NODE | {"_system_config": _SYSTEM})
        started.add_node(**_NODE)
        yield started
        started.shutdown()
        assert psutil.wait_procs(_descendants() - before, timeout=20)[1] == []


def _descendants() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


def test_one_and_two_workers_give_the_bytes_of_threads(cluster: Any, tmp_path: Path) -> None:
    first = build(PHOTOS, tmp_path / "threads", engine=LocalThreads(2))
    for workers in (1, 2):
        engine = RayCluster(cluster.address, workers)
        assert_same(build(PHOTOS, tmp_path / str(workers), engine=engine, tiles=1), first)


def test_both_nodes_work_each_on_one_thread_and_errors_are_raised_as_they_are(cluster: Any, tmp_path: Path) -> None:
    with RayCluster(cluster.address).started() as run:
        assert len(set(run(where, range(8)))) >= 2
        assert list(run(threads_of_torch, [0])) == [1]
        with pytest.raises(ZeroDivisionError):
            list(run(inverse, [1, 2, 0, 3]))
        assert list(run(Fragile(tmp_path, deaths=1), range(6))) == [0, 1, 4, 9, 16, 25]
    assert len(list(tmp_path.glob("dead-*"))) == 1


def test_a_node_that_is_killed_leaves_its_shards_to_the_others(cluster: Any, slow_pair: Path, tmp_path: Path) -> None:
    node = cluster.add_node(**_NODE)
    killed: list[str] = []

    def kill() -> None:
        raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
        while not (busy := [name for name in map(_title, raylet.children()) if "_compute" in name]):
            time.sleep(0.01)
        cluster.remove_node(node, allow_graceful=False)
        killed.extend(busy)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    folder = build(SLOW, tmp_path / "cluster", engine=RayCluster(cluster.address), tiles=2)
    killer.join(60)
    assert killed, "no task of the node was killed"
    assert_same(folder, slow_pair)


def test_a_services_worker_builds_on_it(cluster: Any, tmp_path: Path) -> None:
    settings = Settings(archive=tmp_path / "archive", data=tmp_path / "data", ray_address=cluster.address, build_nice=0)
    recipe = PHOTOS.model_copy(update={"name": "asked"})
    with database.opened(settings) as engine, working(settings, "build"):
        jobs = Jobs(engine)
        asked = {"user": "ann", "pair": recipe.name, "content": recipe.sha256(), "document": recipe.canonical()}
        job, _ = jobs.add(new_job("build", **asked))
        while jobs.find(job.id).is_open:
            time.sleep(0.1)
        assert jobs.find(job.id).state == "succeeded", jobs.find(job.id).reason
    assert_same(settings.archive / "asked", build(recipe, tmp_path / "threads", engine=LocalThreads(2)))


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def test_a_cluster_of_this_machine_starts_and_ends_by_itself(tmp_path: Path) -> None:
    before = _descendants()
    with RayCluster(workers=2).started() as run:
        assert list(run(Fragile(tmp_path), range(5))) == [0, 1, 4, 9, 16]
        started = _descendants() - before
        assert started
    assert psutil.wait_procs(started, timeout=20)[1] == []


def test_an_address_where_no_cluster_answers_is_a_sentence() -> None:
    with pytest.raises(UnreachableError, match=r"No Ray cluster answers at 127\.0\.0\.1:9 .*--address"):
        RayCluster("127.0.0.1:9").started().__enter__()


def test_a_cluster_without_its_extra_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"extra `ray`"):
        RayCluster().started().__enter__()
