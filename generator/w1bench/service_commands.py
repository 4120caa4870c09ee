"""`w1bench work`: a worker of a service; `backup` and `restore`: what a service holds, as one file."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from w1bench.options import Data, Json, settings_of, show

app = typer.Typer()


class Queue(StrEnum):
    """What a worker does."""

    build = "build"
    score = "score"


@app.command()
def work(
    archive: Annotated[
        Path | None, typer.Option(help="The archive's folder; default W1BENCH_ARCHIVE, else `archive`.")
    ] = None,
    data: Data = None,
    queue: Annotated[
        list[Queue] | None,
        typer.Option(help="Only jobs of this queue; may be repeated. Default: those that it can do."),
    ] = None,
) -> None:
    """Do a service's jobs, building pairs and scoring large submissions, until it is told to stop."""
    from w1bench_server.work import work as run

    run(settings_of(archive=archive, data=data), [each.value for each in queue or ()])


@app.command()
def backup(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write, e.g. w1bench-2030-01-31.tar.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Write the service's ledger, tokens and accepted submissions to one file; the service may run meanwhile."""
    from w1bench_server.backup import backup as write

    held = write(settings_of(data=data), out)
    rows = sum(held.rows.values())
    show(as_json, {"file": str(out), **asdict(held)}, f"{out} holds {rows} rows and {held.bodies} bodies.")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `w1bench backup` wrote.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Fill an empty service, on SQLite or PostgreSQL, from a backup that holds."""
    from w1bench_server.backup import restore as read

    held = read(settings_of(data=data), file)
    rows = sum(held.rows.values())
    show(as_json, {"file": str(file), **asdict(held)}, f"{rows} rows and {held.bodies} bodies are restored.")
