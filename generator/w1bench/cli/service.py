"""`w1bench serve`, `work`, `backup`, `restore`, `replay` and `token`: a service, its workers, its backups, its scores computed again, and the tokens of its users."""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from w1bench.archive.fetch import is_url
from w1bench.cli.terminal import tables
from w1bench.cli.terminal.options import ArchiveDir, Data, Json, Pair, settings_of, show
from w1bench.errors import CheckFailedError, missing_extra

if TYPE_CHECKING:
    from w1bench.site.export import Boards

app = typer.Typer()
token_app = typer.Typer(no_args_is_help=True, help="Tokens of the service: create, list, revoke.")
app.add_typer(token_app, name="token")


class Queue(StrEnum):
    """What a worker does."""

    build = "build"
    score = "score"
    sealed = "sealed"


@app.command()
def serve(
    archive: ArchiveDir = None,
    data: Data = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; default 127.0.0.1.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on; default 8100, 0 takes a free one.")
    ] = None,
) -> None:
    """Run the service; prints its URL."""
    from w1bench_server.web.serve import serve as run

    run(settings_of(archive=archive, data=data, host=host, port=port))


@app.command()
def work(
    archive: ArchiveDir = None,
    data: Data = None,
    queue: Annotated[
        list[Queue] | None,
        typer.Option(help="Only jobs of this queue; may be repeated. Default: those that it can do."),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(help="Where the truth of sealed pairs is kept; the worker then scores submissions to those."),
    ] = None,
) -> None:
    """Do a service's jobs, building pairs and scoring large or sealed submissions, until it is told to stop."""
    from w1bench_server.worker.process import work as run

    run(settings_of(archive=archive, data=data, truth=truth), [each.value for each in queue or ()])


@app.command()
def backup(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write, e.g. w1bench-2030-01-31.tar.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Write the service's ledger, tokens and accepted submissions to one file; the service may run meanwhile."""
    from w1bench_server.backup import backup as write

    written = write(settings_of(data=data), out)
    rows = sum(written.rows.values())
    show(as_json, {"file": str(out), **asdict(written)}, f"{out} holds {rows} rows and {written.bodies} bodies.")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `w1bench backup` wrote.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Fill an empty service, on SQLite or PostgreSQL, from a backup that holds."""
    from w1bench_server.backup import restore as read

    restored = read(settings_of(data=data), file)
    rows = sum(restored.rows.values())
    show(as_json, {"file": str(file), **asdict(restored)}, f"{rows} rows and {restored.bodies} bodies are restored.")


@app.command()
def replay(
    pair: Pair,
    data: Data = None,
    server: Annotated[
        str | None, typer.Option(help="A service's URL, for what it publishes in place of a folder of one's own.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Score every submission to a revealed pair again; code 1 where a score is not that of the ledger."""
    from w1bench.client.api import load
    from w1bench_server.submissions.replay import replay_data, replay_server

    folder = load(pair).folder
    replayed = replay_server(folder, server) if server else replay_data(folder, settings_of(data=data))
    rows = [asdict(each) for each in replayed]
    show(as_json, {"pair": str(folder), "submissions": rows}, tables.plain(rows))
    if wrong := [each for each in replayed if each.difference]:
        raise CheckFailedError(
            f"{len(wrong)} of {len(replayed)} scores are not what they come to. Submission {wrong[0].id} ({wrong[0].method} "
            f"of {wrong[0].user}): {wrong[0].difference}."
        )


class Scope(StrEnum):
    """What a token allows."""

    submit = "submit"
    admin = "admin"


@token_app.command("create")
def create_token(
    user: Annotated[str, typer.Option(help="Whose rows it makes.")],
    scope: Annotated[Scope, typer.Option(help="What it allows.")] = Scope.submit,
    days: Annotated[int | None, typer.Option(min=1, help="Days until it expires; default never.")] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Create a token, shown once."""
    from w1bench_server.web.auth import tokens

    token = tokens.create_token(settings_of(data=data), user=user, scope=scope.value, days=days)
    show(as_json, {"token": token}, token)


@token_app.command("list")
def list_tokens(data: Data = None, as_json: Json = False) -> None:
    """The tokens by their prefix; the tokens themselves are kept nowhere."""
    from w1bench_server.web.auth import tokens

    listed = tokens.list_tokens(settings_of(data=data))
    show(as_json, {"tokens": listed}, tables.plain(listed))


@token_app.command("revoke")
def revoke_token(
    prefix: Annotated[str, typer.Argument(help="As `token list` shows it.")], data: Data = None, as_json: Json = False
) -> None:
    """Revoke a token, for good."""
    from w1bench_server.web.auth import tokens

    tokens.revoke_token(settings_of(data=data), prefix)
    show(as_json, {"revoked": prefix}, f"{prefix} is revoked.")


def boards_of(origin: str, archive: Path) -> "Boards":
    """The boards at an address or in a data folder; by an address, an archive that is not there is fetched first."""
    from w1bench.archive.catalogue import manifests
    from w1bench.site.export import Boards
    from w1bench.site.remote import fetch_archive, read_service

    if is_url(origin):
        if not archive.exists():
            fetch_archive(origin, archive, progress=True)
        return Boards(*read_service(origin, {m.name: m for m in manifests(archive).values()}, progress=True))
    try:
        from w1bench_server.settings import Settings
        from w1bench_server.web.pages.ledger_twin import read_data
    except ModuleNotFoundError as error:
        raise missing_extra(f"Reading a data folder needs {error.name}", "server") from None
    return Boards(*read_data(Settings(archive=archive, data=Path(origin))))
