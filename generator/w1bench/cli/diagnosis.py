"""`w1bench diagnose`: what a pair does to methods, and what is wrong with a critic, in words."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from w1bench.cli.terminal import tables
from w1bench.cli.terminal.options import (
    Batch,
    Json,
    NativeValue,
    OwnValue,
    PairDir,
    PenaltyWeight,
    ReceptiveField,
    show,
)
from w1bench.diagnostics.findings.sentences import Finding
from w1bench.errors import InputError

if TYPE_CHECKING:
    from w1bench.diagnostics.record import PairDiagnosis

app = typer.Typer()


@app.command()
def diagnose(
    pair: PairDir,
    submission: Annotated[
        Path | None, typer.Argument(help="A .h5 or .npy file; without one, the pair is diagnosed.")
    ] = None,
    penalty_weight: PenaltyWeight = None,
    batch_size: Batch = None,
    receptive_field: ReceptiveField = None,
    native_value: NativeValue = None,
    own_value: OwnValue = None,
    as_json: Json = False,
) -> None:
    """Why a critic is wrong: its findings, the cause first; or what batches, patches and trivial critics make of a pair."""
    from w1bench.client.api import load, score_file
    from w1bench.client.diagnosis import diagnosis_of

    facts = {
        "penalty_weight": penalty_weight, "batch": batch_size, "receptive_field": receptive_field, "native_value": native_value,
        "own_value": own_value,
    }  # fmt: skip
    if submission is None:
        if given := [name for name, value in facts.items() if value is not None]:
            raise InputError(f"`{given[0]}` is a fact of a submission; give the submission's file, or leave it out.")
        found = diagnosis_of(load(pair))
        show(as_json, asdict(found), *_pair_tables(found))
        return
    card = score_file(pair, submission, facts=facts)
    words = told(card.findings) or ["Nothing is wrong, as far as these arrays and facts show."]
    show(as_json, card.model_dump(mode="json"), tables.scorecard(card), *words)


def wrong_sign(found: Iterable[Finding]) -> list[str]:
    """The sentence that comes before all else where a critic's sign is wrong; none where it is not."""
    return [f"The sign is wrong. {each.sentence}" for each in found if each.code == "sign"]


def told(found: Iterable[Finding]) -> list[Table]:
    """What is wrong with a critic in words; no table where nothing is."""
    rows = [{"finding": each.code, "": each.severity, "what it says": each.sentence} for each in found]
    return [tables.plain(rows)] if rows else []


def _pair_tables(found: "PairDiagnosis") -> Iterable[Table | str]:
    batches = [
        {
            "batch": f"{of.size:,}", "EMD(P_n, Q_n)": _3(of.emd.value), "EMD(P_n, P'_n)": _3(of.same.value),
            "c-transform of f*": _3(of.c_transform.value), "c-transform of 0": _3(of.zero.value),
        }
        for of in found.curve
    ]  # fmt: skip
    yield tables.plain(batches)
    trivial = ", ".join(f"{name} has cos {cos:.3f}" for name, cos in found.trivial.items())
    oracle = (
        f"; exact transport on batches of {found.oracle.size} has cos {found.oracle.cosine.value:.3f}"
        if found.oracle
        else ""
    )
    yield f"{found.pair}: W1 = {found.w1:.6g}; {trivial}{oracle}; its points tell cosines apart that differ by {found.resolution:.2g}."
    if minima := found.false_minima:
        word = "beat" if minima.ratio > 1 else "do not beat"
        yield (
            f"To a batch of {minima.size} targets another one costs {_3(minima.real.value)}, copies of the mean {_3(minima.mean.value)} (they {word} real data), "
            f"k-means centres {_3(minima.k_means.value)}, k-medians centres {_3(minima.k_medians.value)}."
        )
    if found.patches:
        yield tables.plain(_patches(found))


def _patches(found: "PairDiagnosis") -> list[dict[str, object]]:
    """Of pictures by square patches, of vectors by blocks of coordinates."""
    part, whole, wholes = (
        ("patches", "picture", "pictures") if len(found.shape) == 3 else ("blocks of coordinates", "point", "points")
    )
    return [
        {
            part: f"{of.size} x {of.size}" if len(found.shape) == 3 else of.size, f"of a {whole}": of.count, wholes: of.pictures, "pooled W1": _3(of.pooled),
            "local W1": _3(of.local), f"{whole} W1 / sqrt(K)": _3(of.bound), f"{whole} W1": _3(of.image), "sliced": _3(of.sliced),
        }
        for of in found.patches
    ]  # fmt: skip


def _3(value: float) -> str:
    return f"{value:.4g}"
