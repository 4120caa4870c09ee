"""The configuration of a process: what the environment says, read once, at the edge."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from w1bench.archive.fetch import is_url

DEFAULT_SERVER = "http://127.0.0.1:8100"


@dataclass(frozen=True)
class Config:
    """Where pairs, the service and its token are.

    `archive` (W1BENCH_ARCHIVE) is a folder or URL, `home` (W1BENCH_HOME) the cache of fetched pairs, `server`
    (W1BENCH_SERVER) the service's URL, `token` (W1BENCH_TOKEN) what submissions are made with, `ray_address` (W1BENCH_RAY_ADDRESS) the cluster
    that builds with `--engine ray`, `data` (W1BENCH_DATA) the service's own folder.
    """

    archive: str
    home: Path
    server: str
    token: str | None
    ray_address: str
    data: Path

    @property
    def archive_is_url(self) -> bool:
        return is_url(self.archive)


def from_environment(environment: Mapping[str, str] = os.environ) -> Config:
    """The configuration of this process."""
    return Config(
        archive=environment.get("W1BENCH_ARCHIVE") or "archive",
        home=Path(environment.get("W1BENCH_HOME") or platformdirs.user_cache_dir("w1bench")),
        server=environment.get("W1BENCH_SERVER") or DEFAULT_SERVER,
        token=environment.get("W1BENCH_TOKEN") or None,
        ray_address=environment.get("W1BENCH_RAY_ADDRESS") or "local",
        data=Path(environment.get("W1BENCH_DATA") or "data"),
    )
