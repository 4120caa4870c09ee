"""`w1bench score`, `submit`, `leaderboard`: what a researcher does with gradients."""

from pathlib import Path
from typing import Annotated

import typer

from w1bench.cli import tables
from w1bench.cli.options import Json, PairDir, show
from w1bench.client import config
from w1bench.scoring.metrics import HEADLINE

app = typer.Typer()
Server = Annotated[str | None, typer.Option(help="The service's URL; default W1BENCH_SERVER.")]


@app.command()
def score(
    pair: PairDir, submission: Annotated[Path, typer.Argument(help="A .h5 or .npy file.")], as_json: Json = False
) -> None:
    """The scorecard of a submission, computed here."""
    from w1bench.client.api import score_file

    card = score_file(pair, submission)
    show(as_json, card.model_dump(mode="json"), tables.scorecard(card))


@app.command()
def evaluate(
    pair: PairDir,
    critic: Annotated[
        str, typer.Argument(help="package.module:name or path/to/file.py:name, a function or torch module.")
    ],
    out: Annotated[Path | None, typer.Option(help="Also write its gradients and values as a submission, .h5.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Points at a time.")] = 1024,
    as_json: Json = False,
) -> None:
    """Evaluate a critic in torch, JAX or numpy at a pair's points: its scorecard, and what was noticed on the way."""
    from w1bench.client.evaluation import evaluate as evaluate_critic

    evaluation = evaluate_critic(critic, pair, batch=batch)
    if out is not None:
        evaluation.save(out)
    card = evaluation.card
    document = {"scorecard": card and card.model_dump(mode="json"), "remarks": evaluation.remarks}
    show(as_json, document, *([tables.scorecard(card)] if card else [str(evaluation)]), *evaluation.remarks)


@app.command()
def submit(
    pair: Annotated[str, typer.Argument(help="The pair's name.")],
    file: Annotated[Path, typer.Argument(help="A .h5 or .npy file.")],
    method: Annotated[str, typer.Option(help="The method's name on the leaderboard.")],
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Submit a file with the token in W1BENCH_TOKEN; prints the scorecard and the row's URL. The same file again is the same row."""
    from w1bench.client.http import submit_file
    from w1bench.scoring.scorecard import Scorecard

    environment = config.from_environment()
    row = submit_file(pair, file, method=method, server=server or environment.server, token=environment.token)
    card = tables.scorecard(Scorecard.model_validate(row["scorecard"]))
    show(as_json, row, card, *tables.retraction(row), row["url"])


@app.command()
def leaderboard(
    server: Server = None,
    pair: Annotated[str | None, typer.Option(help="Only this pair.")] = None,
    metric: Annotated[str, typer.Option(help="What rows are ordered by.")] = HEADLINE,
    csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
    as_json: Json = False,
) -> None:
    """The service's leaderboard."""
    from w1bench.client import http as client

    if csv and as_json:
        raise typer.BadParameter("--csv and --json were both given; give one of them.")
    place = server or config.from_environment().server
    if csv:
        print(client.leaderboard_csv(place, pair=pair, metric=metric), end="")
        return
    board = client.leaderboard(place, pair=pair, metric=metric)
    show(as_json, board, tables.leaderboard(board))
