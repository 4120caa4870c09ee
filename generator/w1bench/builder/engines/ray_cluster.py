"""An engine of many machines, a Ray cluster; Ray itself repeats the tasks of workers and nodes that die."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from w1bench.builder.engines.engine import Result, Run, Task, available_processors, compute_on_one_thread, in_order
from w1bench.errors import MissingExtraError, UnreachableError

LOCAL = "local"
_RETRIES = 8  # of a task whose worker or node died
_PATIENCE = 10.0  # seconds for a cluster to answer
_AHEAD = 2  # tasks for each processor, so that none waits for the next


@dataclass(frozen=True)
class RayCluster:
    """The cluster at `address`, or the one that this process is connected to already.

    "local" starts a cluster on this machine and stops it after the block. A task takes one processor and `gpus` GPUs.
    """

    address: str = LOCAL
    workers: int = 0  # at most so many tasks at once; 0: as many as the cluster has processors
    gpus: float = 0

    @contextmanager
    def started(self) -> Generator[Run]:
        try:
            import ray
        except ImportError:
            raise MissingExtraError(
                "A cluster needs Ray; install w1bench with its extra `ray` (in a checkout: pip install '.[ray]')."
            ) from None
        ours = not ray.is_initialized()
        if ours:
            self._connect(ray)
        compute: Any = ray.remote(num_cpus=1, num_gpus=self.gpus, max_retries=_RETRIES)(_compute)

        def run(work: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
            def submit(task: Task) -> Callable[[], Result]:
                reference = compute.remote(work, task)
                return lambda: _answer(ray, reference)

            at_once = self.workers or _AHEAD * int(ray.cluster_resources().get("CPU", 1))
            return in_order(tasks, submit, at_once - 1)

        try:
            yield run
        finally:
            if ours:
                ray.shutdown()

    def _connect(self, ray: Any) -> None:
        """Connect to the cluster; raises UnreachableError if none answers at the address."""
        quiet = {"log_to_driver": False, "logging_level": "ERROR"}
        if self.address == LOCAL:
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a build reports to nobody
            count = self.workers or available_processors()
            ray.init(address=LOCAL, num_cpus=count, include_dashboard=False, **quiet)
            return
        try:
            _knock(self.address)  # Ray itself would wait for minutes
            ray.init(address=self.address, **quiet)
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            raise UnreachableError(
                f"No Ray cluster answers at {self.address} ({str(error).strip().splitlines()[0]}); start one with "
                "`ray start --head`, or correct --address."
            ) from None


def _knock(address: str) -> None:
    """Raise OSError unless something listens at host:port or ray://host:port; other addresses are Ray's to resolve."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdigit():
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()


def _compute(work: Callable[[Task], Result], task: Task) -> Result:
    compute_on_one_thread()
    return work(task)


def _answer(ray: Any, reference: Any) -> Any:
    """A task's result, or its own error.

    Raises:
        UnreachableError: its workers died at every attempt.
    """
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayError as error:
        raise UnreachableError(
            f"The cluster lost a task for good ({str(error).strip().splitlines()[0]}); check its machines, and resume the "
            "build with --resume."
        ) from None
