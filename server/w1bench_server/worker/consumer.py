"""The queue as a worker sees it: threads that claim jobs, one after the other, and do them.

The table of jobs is the queue (see `jobs.queue`). A thread looks for a job every half a second; it takes its own place in the
claim (`WORKER.3` is the third of a worker), so that a job it claimed without learning of it, because the database broke off in
between, is its next one. The jobs of a worker that died go to whoever looks next.
"""

import logging
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from w1bench_server.jobs.job import Job
from w1bench_server.jobs.queue import Jobs
from w1bench_server.worker.data_location import DataLocation
from w1bench_server.worker.liveness import Liveness

_POLL_SECONDS = 0.5
_log = logging.getLogger(__name__)


@dataclass
class Consumer:
    """What `worker` claims its jobs from, while its data are there; a job that was started `most` times has failed."""

    jobs: Jobs
    liveness: Liveness
    location: DataLocation
    worker: str
    most: int
    dead: frozenset[str] = frozenset()

    def find_dead(self) -> None:
        """While the data are there, note which holders of jobs died, so that their jobs are claimed again, and remove what dead workers left."""
        if not self.location.is_unchanged():
            return
        self.dead = frozenset(
            holder for holder in self.jobs.holders() if not self.liveness.is_alive(holder.partition(".")[0])
        )
        self.liveness.sweep()

    @contextmanager
    def consumed(
        self, do: Callable[[Job], None], slots: Mapping[str, int], stop: threading.Event, *, grace: float
    ) -> Generator[None]:
        """Have `do` called with claimed jobs, in so many threads for each queue, until `stop` is set or the block ends.

        Then those that are being done have `grace` seconds to end.
        """
        names = [queue for queue, count in slots.items() for _ in range(count)]
        threads = [
            threading.Thread(target=self._consume, args=(queue, f"{self.worker}.{place}", do, stop), daemon=True)
            for place, queue in enumerate(names, 1)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            deadline = time.monotonic() + grace
            for thread in threads:
                thread.join(max(0, deadline - time.monotonic()))

    def _consume(self, queue: str, holder: str, do: Callable[[Job], None], stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                there = self.location.is_unchanged()
                job = self.jobs.claim(queue, holder, most=self.most, dead=self.dead) if there else None
                if job is None:
                    stop.wait(_POLL_SECONDS)
                else:
                    do(job)
            except Exception:  # noqa: BLE001 - a job that this thread still holds is its next one
                if self.location.is_unchanged():
                    _log.exception("a job could not be claimed or recorded; the next attempt is in %g s", _POLL_SECONDS)
                stop.wait(_POLL_SECONDS)
