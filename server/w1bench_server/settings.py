"""Settings: everything a server can be told, frozen; read from W1BENCH_* variables where it is not given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url

_Bytes = Annotated[int, Field(ge=0)]
_Seconds = Annotated[float, Field(gt=0)]


class Settings(BaseSettings):
    """One server's settings; `archive` is only read, `data` is the server's own."""

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
            pattern=r"^https?://[^/\s]+$", description="Where the world sees the service; default, the Host it asks."
        ),
    ] = None
    database_url: Annotated[
        str | None, Field(description="SQLAlchemy URL of the ledger; default, w1bench.sqlite in `data`.")
    ] = None
    workers: Annotated[int, Field(ge=1, le=256, description="Processes that score.")] = 2
    waiting: Annotated[int, Field(ge=0, description="Uploads that may wait for a worker; further ones get 503.")] = 64
    scoring_seconds: Annotated[_Seconds, Field(description="Longest time one upload may take a worker.")] = 120.0
    worker_bytes: Annotated[_Bytes, Field(description="Most memory a worker may address.")] = 8 << 30
    jail_bytes: Annotated[
        _Bytes, Field(description="Most memory the process that reads an HDF5 upload may address.")
    ] = 2 << 30
    jail_cpu_seconds: Annotated[int, Field(ge=1, description="Most processor time of that process.")] = 20
    jail_seconds: Annotated[_Seconds, Field(description="Longest time it may take by the clock.")] = 60.0
    min_free_bytes: Annotated[
        _Bytes, Field(description="Free disk below which nothing is accepted (507) and the service is not ready.")
    ] = 1 << 30

    @property
    def database(self) -> URL:
        """Where the ledger and the tokens are."""
        if self.database_url:
            return make_url(self.database_url)
        return URL.create("sqlite", database=str(self.data.absolute() / "w1bench.sqlite"))
