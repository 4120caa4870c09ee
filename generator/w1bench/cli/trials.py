"""`w1bench solve`, `trial` and `results`: solvers on pairs, one at a time or as a grid, and tables of them."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from w1bench.cli.terminal import tables
from w1bench.cli.terminal.options import Device, Json, PairDir, show
from w1bench.errors import CheckFailedError, InputError
from w1bench.trials import results
from w1bench.trials.comparison.result import compared
from w1bench.trials.tables import as_csv, as_markdown

if TYPE_CHECKING:
    from w1bench.trials.comparison.repetition import Repeated

app = typer.Typer()


class Draws(StrEnum):
    """What a solver learns from."""

    fresh = "fresh"
    train = "train"


class Framework(StrEnum):
    """What samples are."""

    numpy = "numpy"
    torch = "torch"


Data = Annotated[
    Draws | None,
    typer.Option(
        help="Fresh draws every step, or train.h5; default fresh, and train where a pair cannot be drawn from."
    ),
]


@app.command()
def solve(
    method: Annotated[str, typer.Argument(help="A reference solver, e.g. lp.")],
    pair: PairDir,
    steps: Annotated[int | None, typer.Option(min=1, help="Training steps; default as published.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of weights, batches and penalties.")] = 0,
    device: Annotated[Device, typer.Option(help="Where the solver trains.")] = Device.cpu,
    data: Data = None,
    out: Annotated[Path | None, typer.Option(help="The submission to write; default NAME-METHOD.h5.")] = None,
    as_json: Json = False,
) -> None:
    """Train a reference solver and write its submission, with a JSON sidecar."""
    from w1bench.client.api import load
    from w1bench.trials.solve import solve as train_solver

    opened = load(pair)
    path = out or Path(f"{opened.name}-{method.rpartition(':')[2].lower()}.h5")
    sidecar = train_solver(
        method,
        opened,
        path,
        steps=steps,
        seed=seed,
        device=device.value,
        data=None if data is None else data.value,
        progress=True,
    )
    _say_note(sidecar)
    show(as_json, sidecar, tables.fit(sidecar, path))


@app.command()
def trial(
    methods: Annotated[
        list[str],
        typer.Argument(
            metavar="METHOD...", help="Reference solvers, `all`, or your own: package.module:Solver, file.py:Solver."
        ),
    ],
    pair: Annotated[
        list[Path] | None, typer.Option(metavar="PAIR_DIR", help="A pair's folder or name; may be repeated.")
    ] = None,
    suite: Annotated[str | None, typer.Option(help="All pairs of a suite: quick, core, published or images.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds: 0, 1, ...")] = 1,
    steps: Annotated[
        int | None, typer.Option(min=1, help="At most so many training steps; default as published.")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Rows that your own solver is handed at a time; default as published.")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes of one thread; 0 takes one for each processor.")] = 0,
    device: Annotated[Device, typer.Option(help="Where solvers train.")] = Device.cpu,
    data: Data = None,
    out: Annotated[
        Path, typer.Option(help="The results file; rows that it has are kept and not computed again.")
    ] = Path("results.json"),
    csv: Annotated[bool, typer.Option("--csv", help="Write the file's rows as .csv beside it, too.")] = False,
    as_json: Json = False,
) -> None:
    """Train and score a grid of solvers, pairs and seeds; after an interruption, the same command resumes it."""
    from w1bench.solvers import SOLVERS
    from w1bench.trials.grid import run_grid
    from w1bench.trials.suites import pairs_of, suite_named

    if not pair and suite is None:
        raise InputError("No pair was given; give --pair or --suite.")
    rows = run_grid(
        list(SOLVERS) if methods == ["all"] else methods,
        pairs_of([*(pair or ()), *(suite_named(suite) if suite else ())]),
        out,
        seeds=seeds,
        steps=steps,
        batch=batch,
        workers=workers,
        device=device.value,
        data=None if data is None else data.value,
        report=_say_row,
    )
    for note in {row["data_note"]: row for row in rows}.values():
        _say_note(note)
    if csv:
        out.with_suffix(".csv").write_text(as_csv(results.read(out)), encoding="utf-8")
    show(as_json, {"rows": _told(rows)}, as_markdown(rows) if suite is None else compared(rows).text())


@app.command("results")
def show_results(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Results files of `w1bench trial`.")],
    ranks: Annotated[bool, typer.Option("--ranks", help="Methods by their skill over families of pairs.")] = False,
    suite: Annotated[str | None, typer.Option(help="The pairs that ranks are over; default all in the files.")] = None,
    csv: Annotated[
        bool, typer.Option("--csv", help="Comma-separated values: a line a row, or with --ranks a method.")
    ] = False,
    latex: Annotated[bool, typer.Option("--latex", help="With --ranks: a table for LaTeX's booktabs.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="With --ranks: a table in Markdown.")] = False,
    published: Annotated[
        bool, typer.Option("--published", help="The order of methods beside that of the published figures.")
    ] = False,
    compact: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write all rows to this file, to six digits and without resamples."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Train cells again, for a quarter of their steps, and compare their curves.")
    ] = False,
    share: Annotated[
        float, typer.Option(min=0, max=1, help="With --check: how many of the cells, at least one.")
    ] = 0.1,
    seed: Annotated[int, typer.Option(min=0, help="With --check: which of the cells.")] = 0,
    workers: Annotated[
        int, typer.Option(min=0, help="With --check: processes of one thread; 0 takes one for each processor.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Tables in Markdown, mean and spread over seeds beside the published figures; ranks by skill over families; or cells trained again."""
    from w1bench.trials.suites import suite_named

    if sum((csv, latex, markdown, as_json)) > 1:
        raise InputError("Two of --csv, --latex, --markdown and --json were given; give one of them.")
    if (latex or markdown or suite) and not ranks:
        raise InputError("--latex, --markdown and --suite are about ranks; give --ranks, too.")
    if sum((check, published, ranks, compact is not None)) > 1 or (csv and (check or published or compact)):
        raise InputError(
            "Two of --ranks, --published, --check and --compact were given, or --csv with one that has no sheet; give one of them."
        )
    rows = results.read_all(files)
    if compact:
        results.write_compact(compact, rows)
        print(f"w1bench: {compact}: {len(rows)} rows, {compact.stat().st_size / 1000:,.0f} kB.", file=sys.stderr)
        return
    if published:
        from w1bench.trials.comparison.agreement import agreement

        beside = agreement(rows)
        show(as_json, beside.document(), str(beside))
        return
    if check:
        _check(rows, share, seed, workers, as_json)
        return
    if not ranks:
        print(as_csv(rows), end="") if csv else show(as_json, {"rows": _told(rows)}, as_markdown(rows))
        return
    kept = [row for row in rows if suite is None or row["pair"] in suite_named(suite)]
    found = compared(kept)
    if csv:
        print(found.csv(), end="")
    else:
        show(as_json, found.document(), found.latex() if latex else found.markdown() if markdown else found.text())


@app.command("check-estimator")
def check_estimator(
    estimator: Annotated[
        str, typer.Argument(metavar="PLACE", help="package.module:function or file.py:function, of two samples.")
    ],
    dim: Annotated[
        list[int] | None, typer.Option(min=1, help="A dimension; may be repeated; default 2, 16, 128.")
    ] = None,
    n: Annotated[
        list[int] | None, typer.Option("--n", min=1, help="Points of a sample; may be repeated; default 64, 256, 1024.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Pairs of samples of each law and size.")] = 3,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of the samples.")] = 0,
    framework: Annotated[
        Framework, typer.Option(help="Of the samples: numpy arrays, or torch tensors.")
    ] = Framework.numpy,
    as_json: Json = False,
) -> None:
    """Hold anything that returns a number from two samples against W1: bias over their size and dimension."""
    from w1bench.trials.estimators.check import DIMS, SIZES
    from w1bench.trials.estimators.check import check_estimator as check

    found = check(estimator, dims=dim or DIMS, sizes=n or SIZES, repeats=repeats, seed=seed, framework=framework.value)
    show(as_json, found.document(), str(found))


def _check(rows: list[dict[str, Any]], share: float, seed: int, workers: int, as_json: bool) -> None:
    """Cells trained again, said one by one.

    Raises:
        CheckFailedError: a curve is another one than the file's.
    """
    from w1bench.trials.comparison.repetition import TOLERANCE, repeat

    cells: list[Repeated] = []
    for cell in repeat(rows, share=share, seed=seed, workers=workers):
        cells.append(cell)
        print(cell, file=sys.stderr, flush=True)
    wrong = [cell for cell in cells if not cell.holds]
    said = f"{len(cells) - len(wrong)} of {len(cells)} cells have the file's cosines within {TOLERANCE}."
    show(as_json, {"cells": [cell.document() for cell in cells], "tolerance": TOLERANCE}, said)
    if wrong:
        named = ", ".join(f"{cell.method} on {cell.pair} (seed {cell.seed})" for cell in wrong)
        raise CheckFailedError(
            f"Trained again, {named} came out otherwise; compare the torch and processor that the file's rows name with these, "
            "and train the cells anew with `w1bench trial` if the method was changed."
        )


def _told(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with findings, of those that were written without any by their figures."""
    return [row if "findings" in row else results.with_findings(row) for row in rows]


def _say_row(row: dict[str, Any], done: int, planned: int) -> None:
    print(f"[{done}/{planned}] {tables.trial(row)}", file=sys.stderr, flush=True)


def _say_note(row: dict[str, Any]) -> None:
    if row["data_note"]:
        print(f"w1bench: {row['data_note']}.", file=sys.stderr)
