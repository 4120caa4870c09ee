"""The settings of a server and its workers: frozen, and read from W1BENCH_* variables where they are not passed."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import URL, make_url

_Bytes = Annotated[int, Field(ge=0)]
_Seconds = Annotated[float, Field(gt=0)]


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


Layer = Literal["user", "landlock", "seccomp"]
Layers = Annotated[tuple[Layer, ...], NoDecode, BeforeValidator(_split)]
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """One server's settings, and its workers'. Builds alone write `archive`; `data` belongs to the server."""

    model_config = SettingsConfigDict(env_prefix="W1BENCH_", env_ignore_empty=True, frozen=True, extra="forbid")

    archive: Annotated[Path, Field(description="Folder of the published pairs.")] = Path("archive")
    data: Annotated[Path, Field(description="Folder of the ledger, the tokens and the accepted submissions.")] = Path(
        "data"
    )
    host: Annotated[str, Field(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")] = 8100
    public_url: Annotated[
        str | None,
        Field(
            pattern=r"^https?://[^/\s]+$", description="Public URL of the service; default, the Host of each request."
        ),
    ] = None
    database_url: Annotated[
        str | None, Field(description="SQLAlchemy URL of the ledger; default, w1bench.sqlite in `data`.")
    ] = None
    bodies_url: Annotated[
        str | None,
        Field(
            description="Where accepted submissions are kept: s3://bucket/prefix, or a folder; default, `submissions` in `data`."
        ),
    ] = None
    scoring_processes: Annotated[int, Field(ge=1, le=256, description="Processes that score uploads.")] = 2
    waiting: Annotated[
        int, Field(ge=0, description="Uploads that may wait for a scoring process; further ones get 503.")
    ] = 64
    scoring_seconds: Annotated[_Seconds, Field(description="Longest time that scoring one upload may take.")] = 120.0
    worker_bytes: Annotated[_Bytes, Field(description="Most memory a scoring process may address.")] = 8 << 30
    jail_bytes: Annotated[
        _Bytes, Field(description="Most memory the process that reads an HDF5 upload may address.")
    ] = 2 << 30
    jail_cpu_seconds: Annotated[int, Field(ge=1, description="Most processor time of that process.")] = 20
    jail_seconds: Annotated[_Seconds, Field(description="Longest time it may take by the clock.")] = 60.0
    jail_user: Annotated[
        str, Field(description="User that this process becomes where the service is started as root.")
    ] = "nobody"
    jail_required: Annotated[
        Layers,
        Field(description="Layers, with commas, without which no HDF5 upload is read and the service does not start."),
    ] = ()
    min_free_bytes: Annotated[
        _Bytes, Field(description="Free disk below which nothing is accepted (507) and the service is not ready.")
    ] = 1 << 30

    queue_seconds: Annotated[
        _Seconds, Field(description="Longest time an upload may wait before the service is not ready.")
    ] = 900.0
    fixity_seconds: Annotated[_Seconds, Field(description="Time between two passes that hash the archive's files.")] = (
        86400.0
    )
    fixity_bytes_per_second: Annotated[int, Field(ge=1, description="How fast those passes may read.")] = 20_000_000
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Field(description="Lowest level that is logged; info has a line a request."),
    ] = "info"
    references: Annotated[
        Path | None,
        Field(
            description="Folder of results (*.json) that become reference rows; default, those that come with w1bench."
        ),
    ] = None
    accel_prefix: Annotated[
        str | None,
        Field(
            pattern=r"^/([A-Za-z0-9._-]+/)+$",
            description="Internal location of the archive in an nginx in front, which then sends the files (X-Accel-Redirect).",
        ),
    ] = None
    requests_per_minute: Annotated[
        int,
        Field(
            ge=1, description="Requests a minute of one token, or of one address without a token; further ones get 429."
        ),
    ] = 1200
    trusted_proxies: Annotated[
        Networks,
        Field(description="Addresses and networks, with commas, whose X-Forwarded-For and -Proto are trusted."),
    ] = ()
    daily_submissions: Annotated[
        int, Field(ge=1, description="Submissions of one user that are scored a day (UTC); further ones get 429.")
    ] = 100
    connections: Annotated[
        int, Field(ge=1, description="Connections that are open at once; a further one takes the place of an idle one.")
    ] = 1000
    connections_per_client: Annotated[
        int, Field(ge=1, description="Connections of one address, unless it is a trusted proxy; further ones get 503.")
    ] = 100
    head_bytes: Annotated[
        int, Field(ge=1024, description="Most bytes of a request's head and trailers; beyond them it gets 431.")
    ] = 32768
    head_fields: Annotated[
        int, Field(ge=1, description="Most header fields of a request; beyond them it gets 431.")
    ] = 100
    head_seconds: Annotated[_Seconds, Field(description="Longest time a request's head may take to arrive (408).")] = (
        10.0
    )
    stall_seconds: Annotated[
        _Seconds, Field(description="Time over which a body, or an answer, moves at the least rate, or is broken off.")
    ] = 20.0
    least_bytes_per_second: Annotated[_Bytes, Field(description="The least rate of a body, or an answer.")] = 10_000
    unread_bytes: Annotated[
        _Bytes, Field(description="Bytes that are read on and thrown away after a request was answered early.")
    ] = 64 << 20
    uploads: Annotated[
        int, Field(ge=1, description="Uploads that are received, wait or are scored at once; half without a token.")
    ] = 64
    uploads_per_token: Annotated[
        int, Field(ge=1, description="Uploads of one token at once; further ones get 429.")
    ] = 32
    uploads_per_address: Annotated[int, Field(ge=1, description="Uploads of one address without a token at once.")] = 8
    streams: Annotated[
        int, Field(ge=1, description="Streams of events that are open at once; half without a token.")
    ] = 100
    streams_per_client: Annotated[
        int, Field(ge=1, description="Streams of events of one client; further ones get 429.")
    ] = 10
    reads: Annotated[
        int, Field(ge=1, description="Answers, other than downloads, that are worked on at once, clients in turn.")
    ] = 2
    reads_waiting: Annotated[int, Field(ge=0, description="Such requests that may wait; further ones get 503.")] = 500
    own_worker: Annotated[
        Literal["child", "none"], Field(description="Whether the server runs a worker of its own for jobs.")
    ] = "child"
    job_bytes: Annotated[_Bytes, Field(description="Submissions of more bytes are scored as jobs.")] = 256 << 20
    job_attempts: Annotated[
        int, Field(ge=1, description="Attempts at a job before it fails, where its worker dies each time.")
    ] = 5
    events_seconds: Annotated[_Seconds, Field(description="Longest time a stream of a job's events is kept open.")] = (
        600.0
    )
    build_seconds: Annotated[_Seconds, Field(description="Longest time a build may take.")] = 86400.0
    pair_bytes: Annotated[_Bytes, Field(description="Most bytes of the files of a pair that is built as a job.")] = (
        8 << 30
    )
    pair_products: Annotated[
        int, Field(ge=1, description="Most products for such a pair: its rays x funnels x dimension.")
    ] = 10**13
    ray_address: Annotated[
        str | None, Field(description="Ray cluster that builds pairs; default, threads of the building process.")
    ] = None

    sealed_submissions: Annotated[
        int,
        Field(
            ge=1,
            description="Submissions of one user to one sealed pair that are scored a day, apart from the daily ones.",
        ),
    ] = 10
    truth: Annotated[
        Path | None, Field(description="Folder with the truth of sealed pairs: only for the worker that scores them.")
    ] = None

    @property
    def database(self) -> URL:
        """Where the ledger and the tokens are."""
        if self.database_url:
            return make_url(self.database_url)
        return URL.create("sqlite", database=str(self.data.absolute() / "w1bench.sqlite"))
