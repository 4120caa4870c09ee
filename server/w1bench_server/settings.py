"""The settings of a server and its workers: frozen, and read from W1BENCH_* variables where they are not passed."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import URL, make_url

from w1bench.storage.canonical import worded

_Count = Annotated[int, Field(ge=1)]
_Bytes = Annotated[int, Field(ge=0)]
_Seconds = Annotated[float, Field(gt=0)]


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


Layer = Literal["user", "landlock", "seccomp"]
Layers = Annotated[tuple[Layer, ...], NoDecode, BeforeValidator(_split)]
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """One server's settings, and its workers'. Builds alone write `archive`; `data` belongs to the server."""

    model_config = SettingsConfigDict(
        env_prefix="W1BENCH_", env_ignore_empty=True, frozen=True, extra="forbid", use_attribute_docstrings=True
    )

    archive: Path = Path("archive")
    """Folder of the published pairs."""
    data: Path = Path("data")
    """Folder of the ledger, the tokens and the accepted submissions."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8100
    """Port to listen on; 0 takes a free one."""
    public_url: Annotated[
        str | None,
        Field(pattern=worded(r"^https?://[^/\s]+$", "an address without a path, e.g. https://w1.example.org")),
    ] = None
    """Public URL of the service, with which links in answers begin; default, they are relative."""
    database_url: str | None = None
    """SQLAlchemy URL of the ledger; default, w1bench.sqlite in `data`."""
    bodies_url: str | None = None
    """Where accepted submissions are kept: s3://bucket/prefix, or a folder; default, `submissions` in `data`."""
    scoring_processes: Annotated[int, Field(ge=1, le=256)] = 2
    """Processes that score uploads."""
    waiting: Annotated[int, Field(ge=0)] = 64
    """Uploads that may wait for a scoring process; further ones get 503."""
    scoring_seconds: _Seconds = 120.0
    """Longest time that scoring one upload may take."""
    worker_bytes: _Bytes = 8 << 30
    """Most memory a scoring process may address."""
    jail_bytes: _Bytes = 2 << 30
    """Most memory the process that reads an HDF5 upload may address."""
    jail_cpu_seconds: _Count = 20
    """Most processor time of that process."""
    jail_seconds: _Seconds = 60.0
    """Longest time it may take by the clock."""
    jail_user: str = "nobody"
    """User that this process becomes where the service is started as root."""
    jail_required: Layers = ()
    """Layers, with commas, without which no HDF5 upload is read and the service does not start."""
    min_free_bytes: _Bytes = 1 << 30
    """Free disk below which nothing is accepted (507) and the service is not ready."""

    queue_seconds: _Seconds = 900.0
    """Longest time an upload may wait before the service is not ready."""
    fixity_seconds: _Seconds = 86400.0
    """Time between two passes that hash the archive's files."""
    fixity_bytes_per_second: _Count = 20_000_000
    """How fast those passes may read."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Lowest level that is logged; info has a line a request."""
    references: Path | None = None
    """Folder of results (*.json) that become reference rows; default, those that come with w1bench."""
    docs: Path | None = None
    """Folder of the built documentation (`make docs`), which is served under /docs."""
    accel_prefix: Annotated[
        str | None,
        Field(
            pattern=worded(
                r"^/([A-Za-z0-9._-]+/)+$", "a path of an address that begins and ends with /, e.g. /_archive/"
            )
        ),
    ] = None
    """Internal location of the archive in an nginx in front, which then sends the files (X-Accel-Redirect)."""
    requests_per_minute: _Count = 1200
    """Requests a minute of one token, or of one address without a token; further ones get 429."""
    trusted_proxies: Networks = ()
    """Addresses and networks, with commas, whose X-Forwarded-For and -Proto are trusted."""
    daily_submissions: _Count = 100
    """Submissions of one user that are scored a day (UTC); further ones get 429."""
    connections: _Count = 1000
    """Connections that are open at once; a further one takes the place of an idle one."""
    connections_per_client: _Count = 100
    """Connections of one address, unless it is a trusted proxy; further ones get 503."""
    head_bytes: Annotated[int, Field(ge=1024)] = 32768
    """Most bytes of a request's head and trailers; beyond them it gets 431."""
    head_fields: _Count = 100
    """Most header fields of a request; beyond them it gets 431."""
    head_seconds: _Seconds = 10.0
    """Longest time a request's head may take to arrive (408)."""
    stall_seconds: _Seconds = 20.0
    """Time over which a body, or an answer, moves at the least rate, or is broken off."""
    least_bytes_per_second: _Bytes = 10_000
    """The least rate of a body, or an answer."""
    unread_bytes: _Bytes = 64 << 20
    """Bytes that are read on and thrown away after a request was answered early."""
    uploads: _Count = 64
    """Uploads that are received, wait or are scored at once; half without a token."""
    uploads_per_token: _Count = 32
    """Uploads of one token at once; further ones get 429."""
    uploads_per_address: _Count = 8
    """Uploads of one address without a token at once."""
    streams: _Count = 100
    """Streams of events that are open at once; half without a token."""
    streams_per_client: _Count = 10
    """Streams of events of one client; further ones get 429."""
    reads: _Count = 2
    """Answers, other than downloads, that are worked on at once, clients in turn."""
    reads_waiting: Annotated[int, Field(ge=0)] = 500
    """Such requests that may wait; further ones get 503."""
    own_worker: Literal["child", "none"] = "child"
    """Whether the server runs a worker of its own for jobs."""
    job_bytes: _Bytes = 256 << 20
    """Submissions of more bytes are scored as jobs."""
    job_attempts: _Count = 5
    """Attempts at a job before it fails, where its worker dies each time."""
    events_seconds: _Seconds = 600.0
    """Longest time a stream of a job's events is kept open."""
    build_seconds: _Seconds = 86400.0
    """Longest time a build may take."""
    build_nice: Annotated[int, Field(ge=0, le=19)] = 10
    """How far builds stand behind the processes that score (`nice`); 0 where a machine does nothing else."""
    pair_bytes: _Bytes = 8 << 30
    """Most bytes of the files of a pair that is built as a job."""
    pair_products: _Count = 10**13
    """Most products for such a pair: its rays x funnels x dimension."""
    ray_address: str | None = None
    """Ray cluster that builds pairs; default, threads of the building process."""

    sealed_submissions: _Count = 10
    """Submissions of one user to one sealed pair that are scored a day, apart from the daily ones."""
    truth: Path | None = None
    """Folder with the truth of sealed pairs: only for the worker that scores them."""

    @property
    def database(self) -> URL:
        """Where the ledger and the tokens are."""
        if self.database_url:
            return make_url(self.database_url)
        return URL.create("sqlite", database=str(self.data.absolute() / "w1bench.sqlite"))
