"""`w1bench token`: the tokens that submissions are made with."""

from enum import StrEnum
from typing import Annotated

import typer

from w1bench.cli import tables
from w1bench.cli.options import Data, Json, settings_of, show

app = typer.Typer(no_args_is_help=True, help="Tokens of the service: create, list, revoke.")


class Scope(StrEnum):
    """What a token allows."""

    submit = "submit"
    admin = "admin"


@app.command("create")
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


@app.command("list")
def list_tokens(data: Data = None, as_json: Json = False) -> None:
    """The tokens by their prefix; the tokens themselves are kept nowhere."""
    from w1bench_server.web.auth import tokens

    listed = tokens.list_tokens(settings_of(data=data))
    show(as_json, {"tokens": listed}, tables.plain(listed))


@app.command("revoke")
def revoke_token(
    prefix: Annotated[str, typer.Argument(help="As `token list` shows it.")], data: Data = None, as_json: Json = False
) -> None:
    """Revoke a token, for good."""
    from w1bench_server.web.auth import tokens

    tokens.revoke_token(settings_of(data=data), prefix)
    show(as_json, {"revoked": prefix}, f"{prefix} is revoked.")
