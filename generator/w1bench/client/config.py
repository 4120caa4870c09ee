"""The configuration of a process: what the environment says, read once, at the edge."""

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import platformdirs

from w1bench.archive.fetch import is_url

DEFAULT_SERVER = "http://127.0.0.1:8100"
_PREFIX = "W1BENCH_"
OWN = ("ARCHIVE", "HOME", "SERVER", "TOKEN", "RAY_ADDRESS", "DATA")
# What others read: the service (its settings, which a light install cannot import), its containers, and the tests.
SERVICE = [
    "ARCHIVE",
    "DATA",
    "HOST",
    "PORT",
    "PUBLIC_URL",
    "DATABASE_URL",
    "DOCS",
    "BODIES_URL",
    "SCORING_PROCESSES",
    "WAITING",
    "SCORING_SECONDS",
    "WORKER_BYTES",
    "JAIL_BYTES",
    "JAIL_CPU_SECONDS",
    "JAIL_SECONDS",
    "JAIL_USER",
    "JAIL_REQUIRED",
    "MIN_FREE_BYTES",
    "QUEUE_SECONDS",
    "FIXITY_SECONDS",
    "FIXITY_BYTES_PER_SECOND",
    "LOG_LEVEL",
    "REFERENCES",
    "ACCEL_PREFIX",
    "REQUESTS_PER_MINUTE",
    "TRUSTED_PROXIES",
    "DAILY_SUBMISSIONS",
    "CONNECTIONS",
    "CONNECTIONS_PER_CLIENT",
    "HEAD_BYTES",
    "HEAD_FIELDS",
    "HEAD_SECONDS",
    "STALL_SECONDS",
    "LEAST_BYTES_PER_SECOND",
    "UNREAD_BYTES",
    "UPLOADS",
    "UPLOADS_PER_TOKEN",
    "UPLOADS_PER_ADDRESS",
    "STREAMS",
    "STREAMS_PER_CLIENT",
    "READS",
    "READS_WAITING",
    "OWN_WORKER",
    "JOB_BYTES",
    "JOB_ATTEMPTS",
    "EVENTS_SECONDS",
    "BUILD_NICE",
    "BUILD_SECONDS",
    "PAIR_BYTES",
    "PAIR_PRODUCTS",
    "RAY_ADDRESS",
    "SEALED_SUBMISSIONS",
    "TRUTH",
]
_OTHERS = ("ENV_FILE", "PUBLIC_PORT", "PUBLISHED_FUNNELS")


class UnknownVariableWarning(UserWarning):
    """A variable that begins as those of w1bench do, and that nothing reads."""


@dataclass(frozen=True)
class Config:
    """Where pairs, the service and its token are.

    `archive` (W1BENCH_ARCHIVE) is a folder or URL, `home` (W1BENCH_HOME) the cache of fetched pairs, `server`
    (W1BENCH_SERVER) the service's URL, `origin` where pairs are listed and fetched from: W1BENCH_ARCHIVE, else W1BENCH_SERVER, else
    the folder `archive`; `token` (W1BENCH_TOKEN) what submissions are made with, `ray_address` (W1BENCH_RAY_ADDRESS) the cluster
    that builds with `--engine ray`, `data` (W1BENCH_DATA) the service's own folder.
    """

    archive: str
    home: Path
    server: str
    origin: str
    token: str | None
    ray_address: str
    data: Path

    @property
    def archive_is_url(self) -> bool:
        return is_url(self.archive)


def from_environment(environment: Mapping[str, str] = os.environ) -> Config:
    """The configuration of this process; warns of variables that nothing reads."""
    for sentence in unread(environment):
        warnings.warn(sentence, UnknownVariableWarning, stacklevel=2)

    def value(name: str) -> str | None:
        return environment.get(_PREFIX + name) or None

    archive, server = value("ARCHIVE"), value("SERVER")
    return Config(
        archive=archive or "archive",
        home=Path(value("HOME") or platformdirs.user_cache_dir("w1bench")),
        server=server or DEFAULT_SERVER,
        origin=archive or server or "archive",
        token=value("TOKEN"),
        ray_address=value("RAY_ADDRESS") or "local",
        data=Path(value("DATA") or "data"),
    )


def unread(environment: Mapping[str, str]) -> list[str]:
    """A sentence on each variable that begins with W1BENCH_ and that nothing reads."""
    known = {*OWN, *SERVICE, *_OTHERS}
    sentences: list[str] = []
    for name in sorted(name.removeprefix(_PREFIX) for name in environment if name.startswith(_PREFIX)):
        if name not in known:
            near = get_close_matches(name, known, 1)
            meant = (
                f"perhaps {_PREFIX}{near[0]} was meant"
                if near
                else "docs/commands.md and docs/service.md list those that are"
            )
            sentences.append(f"The variable {_PREFIX}{name} is read by nothing; {meant}.")
    return sentences
