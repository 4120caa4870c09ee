"""Whether the place of accepted bodies can be used: a folder is looked at each time, a bucket is asked every few seconds at most."""

import threading
import time

from w1bench.errors import UnreachableError
from w1bench_server.submissions.bodies import Bodies

_FRESH_SECONDS = 10.0  # that an answer of a bucket holds
_PATIENCE_SECONDS = 5.0  # with a bucket, which is asked on until it answers
_SILENT = "The place of bodies does not answer."


class Reach:
    """What is wrong with the place of bodies, for anyone to read: names of folders and buckets go to the log only."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies, self._lock = bodies, threading.Lock()
        self._fault: str | None = _SILENT
        self._asked: threading.Thread | None = None
        self._until = 0.0

    def fault(self) -> str | None:
        """What is wrong, as a sentence; None if nothing is."""
        if self._bodies.folder is not None:
            return self._look()
        with self._lock:
            waits = self._asked is not None and self._asked.is_alive()
            if not waits and time.monotonic() > self._until:
                self._fault = _SILENT
                self._asked = threading.Thread(target=self._ask, daemon=True)
                self._asked.start()
                self._asked.join(_PATIENCE_SECONDS)
            return self._fault

    def _ask(self) -> None:
        self._fault = self._look()
        self._until = time.monotonic() + _FRESH_SECONDS

    def _look(self) -> str | None:
        try:
            found = self._bodies.has_owner()
        except UnreachableError:
            return "The place of bodies cannot be reached."
        return None if found else "The place of bodies is gone, or is another one: it has no file `identity`."
