"""Records: the state of each submission after the ledger's events: its scores, and whether it was retracted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field, replace
from functools import cached_property
from typing import Any

from w1bench.client.metadata import Metadata
from w1bench.scoring.scorecard import Scorecard


@dataclass(frozen=True)
class Content:
    """The fields that make two submissions the same."""

    user: str
    pair_digest: str
    method: str
    sha256: str

    @property
    def digest(self) -> str:
        return text_sha256(json.dumps(astuple(self), separators=(",", ":")))


def content(entry: Submitted) -> Content:
    """The content of a submission."""
    return Content(entry.user, entry.pair_digest, entry.method, entry.sha256)


def text_sha256(text: str) -> str:
    """The SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


REFERENCE_USER = "w1bench"  # the user of the reference rows; no token has that name


@dataclass(frozen=True)
class Score:
    """A submission's score by one metric version."""

    scorecard: str
    resamples: str | None

    @cached_property
    def card(self) -> Scorecard:
        return Scorecard.model_validate_json(self.scorecard)


@dataclass(frozen=True)
class Submitted:
    """A submission that has no score yet."""

    id: str
    pair: str
    pair_digest: str
    method: str
    user: str
    sha256: str
    bytes: int
    metadata: Mapping[str, Any] = field(
        default_factory=dict[str, Any], kw_only=True
    )  # what it says of itself (see `w1bench.client.metadata`)

    @cached_property
    def said(self) -> Metadata:
        return Metadata(**self.metadata)


@dataclass(frozen=True)
class Entry(Submitted):
    """A submission that was accepted; `scorecard` is its JSON, `scorer` the version of w1bench that made it.

    `resamples` is the SHA-256 of the metrics' values over the bootstrap's resamples (see `comparison`). `clock` is the time by the
    server's clock, where that was behind the ledger's last row, whose time `submitted_at` is then.
    """

    submitted_at: str
    scorer: str
    scorecard: str
    reference: bool = False
    resamples: str | None = None
    clock: str | None = None

    @property
    def score(self) -> Score:
        return Score(self.scorecard, self.resamples)

    @property
    def sealed(self) -> bool:
        """Whether its pair was sealed when it was scored."""
        return json.loads(self.scorecard).get("sealed", False)


@dataclass(frozen=True)
class Rescore:
    """A new score of a submission, by a newer metric version."""

    submission: str
    at: str
    scorer: str
    scorecard: str
    resamples: str | None = None

    @property
    def score(self) -> Score:
        return Score(self.scorecard, self.resamples)


@dataclass(frozen=True)
class Retraction:
    """The retraction of a submission: by whom, and the public reason."""

    submission: str
    at: str
    user: str
    reason: str


@dataclass(frozen=True)
class Reveal:
    """The end of a sealed pair's round: its truth is public, and no submission to it is recorded after this row."""

    pair: str
    pair_digest: str
    at: str

    @property
    def content(self) -> str:
        """The digest under which the ledger holds the reveal of a pair, once."""
        return text_sha256(json.dumps(["reveal", self.pair_digest]))


Event = Entry | Rescore | Retraction | Reveal


@dataclass(frozen=True)
class Record:
    """A submission and its state at the row `last`; the newest score comes last."""

    entry: Entry
    scores: tuple[Score, ...]
    seq: int
    last: int
    retraction: Retraction | None = None

    @property
    def score(self) -> Score:
        """The newest score, which counts."""
        return self.scores[-1]


def fold(records: Mapping[str, Record], events: Iterable[tuple[int, Event]]) -> dict[str, Record]:
    """The records after further events, each with its sequence number."""
    folded = dict(records)
    for seq, event in events:
        match event:
            case Entry():
                folded[event.id] = Record(event, (event.score,), seq, seq)
            case Rescore():
                before = folded[event.submission]
                folded[event.submission] = replace(before, scores=(*before.scores, event.score), last=seq)
            case Retraction():
                folded[event.submission] = replace(folded[event.submission], retraction=event, last=seq)
            case Reveal():
                continue
    return folded
