"""The parameters that several endpoints share."""

from typing import Annotated, Literal

from fastapi import Header, Query

from w1bench.recipes.recipe import Family
from w1bench.scoring.metrics import METRICS

# A method's name begins with a letter or digit, so that no spreadsheet takes it for a formula.
MetricName = Annotated[
    str, Query(pattern=f"^({'|'.join(METRICS)})$", description="The metric that rows are ordered by.")
]
Method = Annotated[
    str,
    Query(
        pattern=r"^[A-Za-z0-9]([ -~]{0,62}[!-~])?$",
        description="Its name on the leaderboard: 1 to 64 printable ASCII characters, beginning with a letter or digit.",
    ),
]
PairName = Annotated[str, Query(max_length=64, description="A published pair's name.")]
IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", pattern=r"^[!-~]{1,128}$", description="The same key gives the same row."),
]
Track = Annotated[
    Literal["hd", "ball", "images", "open", "sealed"] | None,
    Query(description="Only pairs of this kind, and the methods by their mean rank on them."),
]
FamilyName = Annotated[Family | None, Query(description="Only pairs of this family.")]
Reason = Annotated[
    str,
    Query(
        pattern=r"^[^\x00-\x1f\x7f]{1,500}$", description="Why, in a line of up to 500 characters that all may read."
    ),
]
