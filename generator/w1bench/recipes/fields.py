"""The fields that recipes are made of, with their ranges."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from w1bench.storage.canonical import worded

NAME_PATTERN = worded(
    r"^[a-z0-9][a-z0-9._-]{0,63}$", "up to 64 of a-z, 0-9, `.`, `_` and `-`, beginning with a letter or digit"
)
DIGEST_PATTERN = worded(r"^[0-9a-f]{64}$", "a SHA-256: 64 of 0-9 and a-f")
# Names that a pair may not have: files that an archive or an export has beside its pairs.
RESERVED = (
    "catalogue.json", "registry.txt", "index.html", "style.css", "leaderboard.html", "leaderboard.json", "leaderboard.csv",
    "docs",
)  # fmt: skip
Line = Annotated[
    str, Field(min_length=1, max_length=500, pattern=worded(r"^[^\x00-\x1f<>|]+$", "a line without <, > and |"))
]
Positive = Annotated[float, Field(ge=1e-6, le=1e6)]
Count = Annotated[int, Field(ge=1, le=10**9)]
SampleSize = Annotated[int, Field(ge=100, le=10**9)]  # fewer rows cannot certify anything
Digest = Annotated[str, Field(pattern=DIGEST_PATTERN)]
Power = Annotated[float, Field(ge=1, le=1e4, allow_inf_nan=False)]
Noise = Annotated[float, Field(gt=0, lt=1)]
# What a file holds determines a pair, not the folder it lies in.
FileName = Annotated[str, PlainSerializer(lambda file: Path(file).name, when_used="json")]


class Part(BaseModel):
    """A table of a recipe: immutable, strict about types, and without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
