"""Engines: results in order and the same bytes, whoever computes them, whoever is killed, and whoever goes on."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from support.files import assert_same
from support.forks import Fork
from support.processes import Fragile, faults_of_arrays, inverse, threads_of_torch, wait_for
from support.recipes import PHOTOS, SLOW, pinned, small_recipe
from w1bench.builder.build import build
from w1bench.builder.engines.engine import Engine, Run
from w1bench.builder.engines.processes import LocalProcesses
from w1bench.builder.engines.threads import LocalThreads
from w1bench.errors import PairError, SourceError, UnreachableError
from w1bench.sources.generators.checkpoints import RESNETS
from w1bench.sources.generators.resnet import ResNetGenerator
from w1bench.storage.backends import Folder

SMALL = "wgan-qc-resnet-32-small"


@pytest.mark.parametrize("engine", [LocalThreads(1), LocalThreads(3), LocalProcesses(2)], ids=repr)
def test_results_come_in_the_order_of_the_tasks_run_after_run(engine: Engine, tmp_path: Path) -> None:
    with engine.started() as run:
        for count in (7, 0, 1):
            assert list(run(Fragile(tmp_path), range(count))) == [task * task for task in range(count)]


@pytest.mark.parametrize("engine", [LocalThreads(2), LocalProcesses(2)], ids=repr)
def test_an_error_of_the_work_is_raised_as_it_is(engine: Engine) -> None:
    with engine.started() as run, pytest.raises(ZeroDivisionError):
        list(run(inverse, [1, 2, 0, 3]))


def test_a_worker_that_is_killed_is_replaced(tmp_path: Path) -> None:
    with LocalProcesses(2).started() as run:
        assert list(run(Fragile(tmp_path, deaths=1), range(6))) == [0, 1, 4, 9, 16, 25]
    assert len(list(tmp_path.glob("dead-*"))) == 1


def test_workers_that_die_again_and_again_are_given_up(tmp_path: Path) -> None:
    with LocalProcesses(1).started() as run, pytest.raises(UnreachableError, match="died 3 times in a row"):
        list(run(Fragile(tmp_path, deaths=9), [3]))
    assert len(list(tmp_path.glob("dead-*"))) == 3


def test_processes_have_the_environment_of_their_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the one that they are forked from began with another."""
    for value in ("before", "after"):
        monkeypatch.setenv("W1BENCH_OF_A_TEST", value)
        with LocalProcesses(1).started() as run:
            assert list(run(os.getenv, ["W1BENCH_OF_A_TEST"])) == [value]


def test_processes_start_where_the_folder_of_temporary_files_has_a_long_name(tmp_path: Path) -> None:
    """In which a socket would have a longer one than a system allows."""
    folder = tmp_path / ("long" * 25)
    folder.mkdir()
    program = "from w1bench.builder.engines.processes import LocalProcesses as P\nwith P(1).started() as run: print(*run(abs, [-3]))"
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"TMPDIR": str(folder)}, capture_output=True, text=True
    )
    assert done.stdout == "3\n", done.stderr


def test_results_come_as_they_are_done_and_those_of_killed_workers_too(tmp_path: Path) -> None:
    with LocalProcesses(2).started() as pool:
        pairs = list(pool.as_completed(Fragile(tmp_path, deaths=1), [3, 0, 2]))
    assert sorted(pairs) == [(0, 0), (2, 4), (3, 9)]
    with LocalProcesses(2).started() as pool:
        first, _ = next(pool.as_completed(time.sleep, [5.0, 0.0]))
    assert first == 0.0


def test_an_error_ends_the_workers_in_the_middle_of_their_tasks() -> None:
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt), LocalProcesses(2).started() as pool:
        raise KeyboardInterrupt(next(pool.as_completed(time.sleep, [60.0, 0.0])))
    assert time.monotonic() - started < 50


def test_workers_compute_on_one_thread() -> None:
    with LocalProcesses(1).started() as run:
        assert list(run(threads_of_torch, [0])) == [1]


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="the C library is not glibc, which can be told to keep memory"
)
def test_workers_keep_what_arrays_have_freed() -> None:
    with LocalProcesses(1).started() as run:
        (faults,) = run(faults_of_arrays, [20])
    assert faults < 1000  # where each round would have 4,096


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a generator with random weights."""
    path = tmp_path_factory.mktemp("generator") / "g.pth"
    torch.manual_seed(0)
    torch.save(ResNetGenerator(RESNETS[SMALL]).state_dict(), path)
    return path


def test_processes_give_the_bytes_of_threads(generated: Path, tmp_path: Path) -> None:
    source = pinned({"kind": "generator", "checkpoint": str(generated), "architecture": SMALL, "noise": 0.01})
    pictures = small_recipe(
        "generated", power=100.0, half_width=1.2, source=source, funnel={"count": 4, "center_half_width": 1.0},
        sizes={"train": 200, "test": 200, "probe": 50, "w1_rays": 512},
    )  # fmt: skip
    for recipe, counts in ((pictures, (2,)), (PHOTOS, (1, 2))):
        first = build(recipe, tmp_path / "threads", engine=LocalThreads(2))
        for workers in counts:
            again = build(recipe, tmp_path / str(workers), engine=LocalProcesses(workers), tiles=1)
            assert_same(again, first)


def test_a_worker_s_files_are_those_that_the_recipe_pins(generated: Path, tmp_path: Path) -> None:
    """As on a machine where another checkpoint lies under the same name."""
    checkpoint = tmp_path / "g.pth"
    checkpoint.write_bytes(generated.read_bytes())
    source = pinned({"kind": "generator", "checkpoint": str(checkpoint), "architecture": SMALL, "noise": 0.01})
    recipe = small_recipe("generated", power=100.0, half_width=1.2, source=source)
    checkpoint.write_bytes(b"another")
    with pytest.raises(SourceError, match=r"g\.pth with SHA-256 .* is not here"):
        build(recipe, tmp_path / "archive", engine=LocalProcesses(1))


@dataclass(frozen=True)
class Elsewhere:
    """Workers of another machine, which stores shards in a folder of its own."""

    folder: Path

    @contextmanager
    def started(self) -> Iterator[Run]:
        def run(work: Any, tasks: Any) -> Iterator[Any]:
            return map(replace(work, storage=Folder(self.folder)), tasks)

        yield run


def test_shards_that_another_machine_keeps_to_itself_are_missed_at_once(tmp_path: Path) -> None:
    with pytest.raises(PairError, match=r"train-.*npz was computed, but is not in .*--shards"):
        build(PHOTOS, tmp_path / "archive", engine=Elsewhere(tmp_path / "theirs"), tiles=1)
    assert len(list((tmp_path / "theirs").iterdir())) == 1


@pytest.mark.parametrize(
    ("first", "second"), [(LocalThreads(2), LocalProcesses(2)), (LocalProcesses(2), LocalThreads(2))]
)
def test_a_killed_build_is_resumed_by_another_engine(
    first: Engine, second: Engine, slow_pair: Path, tmp_path: Path
) -> None:
    """And the workers of the killed one end by themselves."""
    child = Fork(build, SLOW, tmp_path / "killed", engine=first)
    wait_for(lambda: len(list(tmp_path.glob("killed/.slow.building/shards/*.npz"))) >= 2, child)
    workers = psutil.Process(child.pid).children(recursive=True)
    assert bool(workers) == isinstance(first, LocalProcesses)
    os.kill(child.pid, signal.SIGKILL)
    child.wait(10)
    assert psutil.wait_procs(workers, timeout=30)[1] == []
    assert not (tmp_path / "killed" / "slow").exists(), "the build ended before it could be killed; make SLOW slower"
    assert_same(build(SLOW, tmp_path / "killed", engine=second, resume=True), slow_pair)
