"""A worker's memory is its own: what its environment says of the database is not for other processes of its user."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from support.forks import Fork
from w1bench_server.sandbox.syscalls import drop_capabilities
from w1bench_server.settings import Settings
from w1bench_server.worker.process import work


@pytest.mark.parametrize("queue", ["build", "score"])
def test_other_processes_of_its_user_cannot_read_a_worker(own: Settings, queue: str) -> None:
    worker = Fork(_work, own, queue, piped=True)
    beside = Fork(_wait, piped=True)
    try:
        for process in (worker, beside):
            assert process.stdout is not None
            assert process.stdout.readline()
        reader = Fork(_read, worker.pid, beside.pid, piped=True)
        assert reader.stdout is not None
        assert reader.stdout.read().split() == ["PermissionError", "read"]
    finally:
        for process in (worker, beside):
            process.kill()
            process.wait(10)


def _work(settings: Settings, queue: str) -> None:
    drop_capabilities()  # root may read whatever it likes
    work(settings, [queue])


def _wait() -> None:
    drop_capabilities()
    print("waiting", flush=True)
    signal.pause()


def _read(*processes: int) -> None:
    drop_capabilities()
    for process in processes:
        try:
            Path(f"/proc/{process}/environ").read_bytes()
            print("read")
        except PermissionError as error:
            print(type(error).__name__)
