"""`w1bench score`, `evaluate`, `submit`, `validate`, `show`, `compare`, `retract`, `whoami`, `leaderboard`: what a researcher does with gradients."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from w1bench.cli.diagnosis import told, wrong_sign
from w1bench.cli.terminal import tables
from w1bench.cli.terminal.options import (
    Batch,
    Json,
    NativeValue,
    OwnValue,
    Pair,
    PenaltyWeight,
    ReceptiveField,
    is_wide,
    show,
)  # fmt: skip
from w1bench.scoring.metrics import HEADLINE

app = typer.Typer()
Server = Annotated[
    str | None, typer.Option(help="The service's URL; default W1BENCH_SERVER, else http://127.0.0.1:8100.")
]
Submission = Annotated[Path, typer.Argument(help="A .h5 or .npy file.")]
Identity = Annotated[str, typer.Argument(metavar="ID", help="A submission's id, or its page's address.")]


class Data(StrEnum):
    """What a method learned from."""

    train = "train"
    fresh = "fresh"


@app.command()
def score(
    pair: Pair,
    submission: Submission,
    penalty_weight: PenaltyWeight = None,
    batch_size: Batch = None,
    receptive_field: ReceptiveField = None,
    native_value: NativeValue = None,
    own_value: OwnValue = None,
    as_json: Json = False,
) -> None:
    """The scorecard of a submission, computed here, and what is wrong with its critic in words."""
    from w1bench.client.api import score_file

    facts = {
        "penalty_weight": penalty_weight, "batch": batch_size, "receptive_field": receptive_field, "native_value": native_value,
        "own_value": own_value,
    }  # fmt: skip
    card = score_file(pair, submission, facts=facts)
    show(as_json, card.model_dump(mode="json"), tables.scorecard(card), *told(card.findings))


@app.command()
def evaluate(
    pair: Pair,
    critic: Annotated[
        str, typer.Argument(help="package.module:name or path/to/file.py:name, a function or torch module.")
    ],
    out: Annotated[Path | None, typer.Option(help="Also write its gradients and values as a submission, .h5.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Points at a time.")] = 1024,
    penalty_weight: PenaltyWeight = None,
    batch_size: Batch = None,
    receptive_field: ReceptiveField = None,
    native_value: NativeValue = None,
    own_value: OwnValue = None,
    as_json: Json = False,
) -> None:
    """Evaluate a critic in torch, JAX or numpy at a pair's points: its scorecard, what is wrong with it, and what was noticed on the way."""
    from w1bench.client.evaluation import evaluate as evaluate_critic

    facts = {
        "penalty_weight": penalty_weight, "batch": batch_size, "receptive_field": receptive_field, "native_value": native_value,
        "own_value": own_value,
    }  # fmt: skip
    evaluation = evaluate_critic(critic, pair, batch=batch, facts=facts)
    if out is not None:
        evaluation.save(out)
    card = evaluation.card
    document = {"scorecard": card and card.model_dump(mode="json"), "remarks": evaluation.remarks}
    shown = [tables.scorecard(card), *told(card.findings)] if card else [str(evaluation)]
    show(as_json, document, *shown, *evaluation.remarks)


@app.command()
def submit(
    pair: Pair,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="A .h5 or .npy file; several are seeds.")],
    method: Annotated[str, typer.Option(help="The method's name on the leaderboard.")],
    seed: Annotated[list[int] | None, typer.Option(min=0, help="Its seed; one for each file, in their order.")] = None,
    paper: Annotated[str | None, typer.Option(help="Where it was published.")] = None,
    code: Annotated[str | None, typer.Option(help="Where its code is.")] = None,
    description: Annotated[str | None, typer.Option(help="In a line, what it is.")] = None,
    steps: Annotated[int | None, typer.Option(min=0, help="How many steps it was trained.")] = None,
    data: Annotated[Data | None, typer.Option(help="What it learned from: train.h5, or fresh draws.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0, help="How long it was trained.")] = None,
    hardware: Annotated[str | None, typer.Option(help="What it was trained on.")] = None,
    parameters: Annotated[int | None, typer.Option(min=0, help="How many parameters it has.")] = None,
    trains: Annotated[bool | None, typer.Option("--trains/--no-trains", help="Whether it learns at all.")] = None,
    knows_family: Annotated[
        bool | None,
        typer.Option(
            "--knows-family/--no-knows-family", help="Whether its form of critic is that of the pair's family."
        ),
    ] = None,
    penalty_weight: PenaltyWeight = None,
    batch_size: Batch = None,
    receptive_field: ReceptiveField = None,
    native_value: NativeValue = None,
    own_value: OwnValue = None,
    curve: Annotated[
        str | None, typer.Option(metavar="STEP:COS...", help="How it got there, e.g. '312:.41 1250:.55'.")
    ] = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Submit files with the token in W1BENCH_TOKEN; prints the scorecard, the rank and the row's URL. The same file again is the same row."""
    from w1bench.client import remote
    from w1bench.client.service.boards import standing
    from w1bench.diagnostics.findings.sentences import Finding
    from w1bench.scoring.scorecard import Scorecard

    name = remote.name_of(pair)
    said = {
        "paper": paper, "code": code, "description": description, "steps": steps, "data": data and data.value, "seconds": seconds,
        "hardware": hardware, "parameters": parameters, "trains": trains, "knows_family": knows_family,
        "penalty_weight": penalty_weight, "batch": batch_size, "receptive_field": receptive_field, "native_value": native_value,
        "own_value": own_value, "curve": curve,
    }  # fmt: skip
    given = {field: value for field, value in said.items() if value is not None}
    checked = remote.said_of_files(name, files, given, seed or ())
    service = remote.service_at(server)
    rows = remote.submit_files(service, name, checked, method=method)
    last = rows[-1]
    last["standing"] = standing(service, last)
    notes = [
        note for row, (_, of_file) in zip(rows, checked, strict=True) for note in tables.notes(row, of_file.given())
    ]
    document = last if len(rows) == 1 else {"submissions": rows, "standing": last["standing"]}
    card = tables.scorecard(Scorecard.model_validate(last["scorecard"]))
    found = told(Finding.model_validate(each) for each in last["findings"])
    show(as_json, document, card, *found, *notes, *tables.standing(last["standing"]), *(row["url"] for row in rows))


@app.command()
def validate(
    pair: Pair,
    file: Submission,
    method: Annotated[
        str | None, typer.Option(help="The method's name, which must not be that of a reference row.")
    ] = None,
    penalty_weight: PenaltyWeight = None,
    batch_size: Batch = None,
    receptive_field: ReceptiveField = None,
    native_value: NativeValue = None,
    own_value: OwnValue = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Whether the service would accept a file, and what is wrong with its critic in words; nothing is kept, and no token is needed."""
    from w1bench.client import remote
    from w1bench.client.service.submissions import validate_file
    from w1bench.diagnostics.findings.facts import facts_of
    from w1bench.diagnostics.findings.sentences import Finding

    facts = {
        "penalty_weight": penalty_weight, "batch": batch_size, "receptive_field": receptive_field, "native_value": native_value,
        "own_value": own_value,
    }  # fmt: skip
    service = remote.service_at(server)
    found = validate_file(service, remote.name_of(pair), file, facts=facts_of(facts), method=method)
    arrays = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in found["arrays"].items())
    findings = [Finding.model_validate(each) for each in found["findings"] or ()]
    accepted = f"{file} can be submitted to {found['pair']}: {arrays}."
    show(as_json, found, *wrong_sign(findings), accepted, *told(findings))


@app.command("show")
def show_submission(identity: Identity, server: Server = None, as_json: Json = False) -> None:
    """A submission: its scorecard, and what it says of itself."""
    from w1bench.client import remote
    from w1bench.diagnostics.findings.sentences import Finding
    from w1bench.scoring.scorecard import Scorecard

    row = remote.show(identity, server=server)
    card = tables.scorecard(Scorecard.model_validate(row["scorecard"]))
    found = told(Finding.model_validate(each) for each in row["findings"])
    show(as_json, row, tables.submission(row), card, *found, *tables.notes(row, {}), row["url"])


@app.command()
def compare(
    first: Annotated[str, typer.Argument(metavar="ID", help="A submission's id, or its page's address.")],
    second: Annotated[str, typer.Argument(metavar="OTHER_ID", help="That of another one to the same pair.")],
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Two submissions to one pair: the difference in each metric, over the same resamples of its test points."""
    from w1bench.client import remote

    found = remote.compare(first, second, server=server)
    show(as_json, found, tables.comparison(found))


@app.command()
def retract(
    identity: Identity,
    reason: Annotated[str, typer.Option(help="Why, in a line that all may read.")],
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Retract a submission of one's own, with the token in W1BENCH_TOKEN: it stays visible with the reason, but no longer ranks."""
    from w1bench.client import remote

    row = remote.retract(identity, reason, server=server)
    show(as_json, row, *tables.notes(row, {}), row["url"])


@app.command()
def whoami(server: Server = None, as_json: Json = False) -> None:
    """The user and the scope of the token in W1BENCH_TOKEN."""
    from w1bench.client import remote

    found = remote.whoami(server=server)
    show(as_json, found, f"{found['user']}, whose token has the scope {found['scope']}.")


@app.command()
def leaderboard(
    server: Server = None,
    pair: Annotated[str | None, typer.Option(help="Only this pair: its name or folder.")] = None,
    track: Annotated[str | None, typer.Option(help="Only pairs of this track: hd, ball, images, open, sealed.")] = None,
    family: Annotated[str | None, typer.Option(help="Only pairs of this family.")] = None,
    dim: Annotated[int | None, typer.Option(min=1, help="Only pairs of this dimension.")] = None,
    as_of: Annotated[
        str | None, typer.Option(help="As it was after this row of the ledger, or at this time (ISO 8601).")
    ] = None,
    metric: Annotated[str, typer.Option(help="What rows are ordered by.")] = HEADLINE,
    csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
    as_json: Json = False,
) -> None:
    """The service's leaderboard; of a track or a family also the methods by their mean rank."""
    from w1bench.client import remote
    from w1bench.client.service import boards

    if csv and as_json:
        raise typer.BadParameter("--csv and --json were both given; give one of them.")
    name = None if pair is None else remote.name_of(pair)
    choice = {"pair": name, "track": track, "family": family, "dim": dim, "as_of": as_of}
    if csv:
        print(boards.leaderboard_csv(remote.service_at(server), metric=metric, **choice), end="")
        return
    board = boards.leaderboard(remote.service_at(server), metric=metric, **choice)
    show(as_json, board, *tables.leaderboard(board, wide=is_wide()))
