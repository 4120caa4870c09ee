"""The parameters that several endpoints share."""

from typing import Annotated, Literal

from fastapi import Depends, Header, Query

from w1bench.client.metadata import CURVE, CURVE_IN_WORDS, LARGEST, LONGEST, Data, Metadata, metadata
from w1bench.diagnostics.findings.facts import Facts
from w1bench.recipes.recipe import Family
from w1bench.scoring.metrics import METRICS
from w1bench.storage.canonical import worded

# A method's name begins with a letter or digit, so that no spreadsheet takes it for a formula.
MetricName = Annotated[
    str,
    Query(
        pattern=worded(f"^({'|'.join(METRICS)})$", f"one of {', '.join(METRICS)}"),
        description="The metric that rows are ordered by.",
    ),
]
Method = Annotated[
    str,
    Query(
        pattern=worded(
            r"^[A-Za-z0-9]([ -~]{0,62}[!-~])?$", "1 to 64 printable ASCII characters, beginning with a letter or digit"
        ),
        description="Its name on the leaderboard: 1 to 64 printable ASCII characters, beginning with a letter or digit.",
    ),
]
_LINE = worded(r"^[^\x00-\x1f\x7f]+$", "one line of text")


PenaltyWeight = Annotated[float | None, Query(gt=0, le=1e300, allow_inf_nan=False, description="Of E(||grad f|| - 1)_+^2, 10 as published; findings use it, as the next four.")]  # fmt: skip
Batch = Annotated[int | None, Query(ge=1, le=LARGEST, description="Draws of each distribution a step.")]
ReceptiveField = Annotated[
    int | None, Query(ge=1, le=LARGEST, description="Side of the patches that a convolutional critic sees.")
]
NativeValue = Annotated[float | None, Query(allow_inf_nan=False, description="The method's own estimate of W1.")]
OwnValue = Annotated[
    float | None, Query(allow_inf_nan=False, description="E_P f - E_Q f on the rows that f was trained on.")
]


def _said(
    seed: Annotated[int | None, Query(ge=0, le=LARGEST, description="Its seed: the seeds of one method are one row.")] = None,
    paper: Annotated[str | None, Query(pattern=_LINE, max_length=LONGEST["paper"], description="Where it was published.")] = None,
    code: Annotated[str | None, Query(pattern=_LINE, max_length=LONGEST["code"], description="Where its code is.")] = None,
    description: Annotated[str | None, Query(pattern=_LINE, max_length=LONGEST["description"], description="In a line, what it is.")] = None,
    steps: Annotated[int | None, Query(ge=0, le=LARGEST, description="How many steps it was trained.")] = None,
    data: Annotated[Data | None, Query(description="What it learned from: train.h5, or fresh draws.")] = None,
    seconds: Annotated[float | None, Query(ge=0, le=1e12, allow_inf_nan=False, description="How long it was trained.")] = None,
    hardware: Annotated[str | None, Query(pattern=_LINE, max_length=LONGEST["hardware"], description="What it was trained on.")] = None,
    parameters: Annotated[int | None, Query(ge=0, le=LARGEST, description="How many parameters it has.")] = None,
    trains: Annotated[bool | None, Query(description="Whether it learns at all.")] = None,
    knows_family: Annotated[bool | None, Query(description="Whether its form of critic is that of the pair's family.")] = None,
    penalty_weight: PenaltyWeight = None, batch: Batch = None, receptive_field: ReceptiveField = None, native_value: NativeValue = None,
    own_value: OwnValue = None,
    curve: Annotated[str | None, Query(pattern=worded(f"^{CURVE}$", CURVE_IN_WORDS), max_length=2000, description="How it got there: cosines after steps, as in 312:.41 1250:.55.")] = None,
) -> Metadata:  # fmt: skip
    return metadata({
        "seed": seed, "paper": paper, "code": code, "description": description, "steps": steps, "data": data, "seconds": seconds, "hardware": hardware,
        "parameters": parameters, "trains": trains, "knows_family": knows_family, "penalty_weight": penalty_weight, "batch": batch,
        "receptive_field": receptive_field, "native_value": native_value, "own_value": own_value, "curve": curve,
    })  # fmt: skip


def _declared(
    penalty_weight: PenaltyWeight = None, batch: Batch = None, receptive_field: ReceptiveField = None, native_value: NativeValue = None,
    own_value: OwnValue = None,
) -> Facts:  # fmt: skip
    return Facts(
        penalty_weight=penalty_weight,
        batch=batch,
        receptive_field=receptive_field,
        native_value=native_value,
        own_value=own_value,
    )


Declared = Annotated[Facts, Depends(_declared)]
Said = Annotated[Metadata, Depends(_said)]
PairName = Annotated[str, Query(max_length=64, description="A published pair's name.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=worded(r"^[!-~]{1,128}$", "1 to 128 printable ASCII characters without spaces"),
        description="The same key gives the same row.",
    ),
]
Track = Annotated[
    Literal["hd", "ball", "images", "open", "sealed"] | None,
    Query(description="Only pairs of this kind, and the methods by their mean rank on them."),
]
FamilyName = Annotated[Family | None, Query(description="Only pairs of this family.")]
Reason = Annotated[
    str,
    Query(
        pattern=worded(r"^[^\x00-\x1f\x7f]{1,500}$", "one line of 1 to 500 characters"),
        description="Why, in a line of up to 500 characters that all may read.",
    ),
]
