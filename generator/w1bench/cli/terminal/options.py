"""The options that commands share, the service's settings made from them, and the printing of results."""

import json
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from w1bench.client import config
from w1bench.errors import InputError, RecipeError
from w1bench.storage.canonical import first_fault

_PIPE_WIDTH = 300
_WIDE = 200  # columns, in which a table may show all that it has
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
PairDir = Annotated[Path, typer.Argument(metavar="PAIR_DIR", help="A pair's folder, or its name.")]
Pair = Annotated[str, typer.Argument(metavar="PAIR", help="A pair's name, or its folder.")]
ArchiveDir = Annotated[Path | None, typer.Option(help="The archive's folder; default W1BENCH_ARCHIVE, else `archive`.")]
Data = Annotated[Path | None, typer.Option(help="The service's own folder; default W1BENCH_DATA, else `data`.")]


PenaltyWeight = Annotated[float | None, typer.Option(help="Of a gradient penalty E(|grad f| - 1)_+^2, e.g. 10.")]
Batch = Annotated[int | None, typer.Option("--batch-size", help="Draws of each distribution a step of the method.")]
ReceptiveField = Annotated[int | None, typer.Option(help="Side of the patches that a convolutional critic sees.")]
NativeValue = Annotated[float | None, typer.Option(help="The method's own estimate of W1.")]
OwnValue = Annotated[float | None, typer.Option(help="E_P f - E_Q f on the rows that f was trained on.")]


class Device(StrEnum):
    """Where networks run."""

    cpu = "cpu"
    cuda = "cuda"


class Engine(StrEnum):
    """Where shards are computed."""

    local = "local"
    processes = "processes"
    ray = "ray"


def engine_of(engine: Engine, workers: int, address: str | None, device: Device) -> Any:
    """Where shards are computed, by its name."""
    match engine:
        case Engine.local:
            from w1bench.builder.engines.threads import LocalThreads

            return LocalThreads(workers)
        case Engine.processes:
            from w1bench.builder.engines.processes import LocalProcesses

            return LocalProcesses(workers)
        case Engine.ray:
            from w1bench.builder.engines.ray_cluster import RayCluster

            place = address or config.from_environment().ray_address
            return RayCluster(place, workers, gpus=1 if device is Device.cuda else 0)


def settings_of(**given: Any) -> Any:
    """The service's settings: what was given here, else the environment, else the defaults."""
    from w1bench_server.settings import Settings

    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise InputError(f"The setting {first_fault(error, 'file')}; see docs/service.md.") from None


def show(as_json: bool, document: Mapping[str, Any], *readable: Table | str) -> None:
    """Print the document as JSON, or what people read."""
    if as_json:
        print(json.dumps(document, indent=1, allow_nan=False))
        return
    console = _console()
    for part in readable:
        console.print(part, markup=False, highlight=False, soft_wrap=isinstance(part, str))


def is_wide() -> bool:
    """Whether what is printed for people may have long lines."""
    return _console().width >= _WIDE


def _console() -> Console:
    """A pipe gets whole lines; a terminal its own width."""
    return Console() if sys.stdout.isatty() else Console(width=_PIPE_WIDTH)


def advance(bar: Any, done: int) -> None:
    """Bring a progress bar to `done`."""
    bar.update(done - bar.n)


def local_folder(pair: str) -> Path:
    """The folder of a pair that is given as one, or by its name in the archive here."""
    named = local_archive() / pair
    return named if not Path(pair).exists() and named.exists() else Path(pair)


def local_archive() -> Path:
    environment = config.from_environment()
    if environment.archive_is_url:
        raise RecipeError(
            f"W1BENCH_ARCHIVE is {environment.archive}; pairs are built into a folder: give --archive DIR."
        )
    return Path(environment.archive)
