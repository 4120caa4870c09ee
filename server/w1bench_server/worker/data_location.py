"""Where a service's data lie, and whether they still do: a worker makes them when it starts, and never again beside a server that has lost them."""

import logging
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from w1bench_server.database.connection import file_of
from w1bench_server.settings import Settings

_SAID_SECONDS = 60.0  # between two lines that say the same
_log = logging.getLogger(__name__)


@dataclass
class DataLocation:
    """The data folder and the SQLite file of a service, and what else must stay the one that it was."""

    before: dict[Path, tuple[int, int] | None]
    _said: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def is_unchanged(self) -> bool:
        """Whether all of them are there; the log says when they are not, once a minute at most."""
        with self._lock:  # looked at inside, so that no thread says what another has seen change since
            lost = self._lost() and self._lost()  # again: a folder may go between a look at it and one at its files
            self._say(lost)
        return lost is None

    def _lost(self) -> Path | None:
        return next((path for path, before in self.before.items() if _identity(path) != before), None)

    def _say(self, lost: Path | None) -> None:
        if lost is None:
            if self._said is not None:
                _log.warning("the data are back; jobs are done again")
            self._said = None
        elif self._said is None or time.monotonic() - self._said > _SAID_SECONDS:
            self._said = time.monotonic()
            _log.error(
                "%s was removed or replaced; no job is done until it is put back, or the service restarted", lost
            )


def data_location(settings: Settings, *others: Path) -> DataLocation:
    """The location of a service's data, and of other paths, as it is now."""
    paths = [path for path in (settings.data.absolute(), file_of(settings), *others) if path]
    return DataLocation({path: _identity(path) for path in paths})


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino
