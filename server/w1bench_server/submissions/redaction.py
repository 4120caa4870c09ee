"""Feedback: what anyone is told of a score while its pair is sealed: the cosine, rounded, and nothing else.

A full figure would be a measurement of the truth: one row's gradient of size M stands out of l2 by M / m, and dev gives W1
away at once. Of m points the cosine is rounded to a step of at least 1 / sqrt(m), its own standard error at most: sqrt(m)
rows must agree to move it by one. Boards rank by what is told, so that ranks compare no further digits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

from w1bench.archive.manifest import PairState
from w1bench.errors import CheckFailedError, PairError
from w1bench.scoring.scorecard import Interval, Scorecard
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.ledger.records import Record, Score
from w1bench_server.pairs.published import PublishedPairs

TOLD = "cos"
_STEPS = (0.01, 0.02, 0.05, 0.1)
_WHY = "kept back until the pair is revealed"


@dataclass(frozen=True)
class Feedback:
    """Records of a ledger as they may be told now; `pairs` say which are revealed."""

    ledger: Ledger
    pairs: PublishedPairs

    def find(self, identity: str) -> Record:
        """The record of an id; raises as `Ledger.find`."""
        return self.of(self.ledger.find(identity))

    def of(self, record: Record) -> Record:
        """A record as it may be told."""
        kept_back = self.kept_back(record.entry.pair, record.entry.pair_digest)
        return replace(record, scores=tuple(_of_score(score, kept_back) for score in record.scores))

    def kept_back(self, pair: str, digest: str) -> bool | None:
        """Whether scores on a pair are; None where it is not published any more, so that each score must say itself."""
        try:
            published = self.pairs.get(pair)
        except (CheckFailedError, PairError):
            return None
        return published.manifest.state is PairState.SEALED if published.digest == digest else None


def rounded(card: Scorecard) -> Scorecard:
    """What is told of a score on a sealed pair."""
    told = card.metrics.get(TOLD)
    missing = {name: card.missing.get(name, _WHY) for name in card.metrics if name != TOLD or told is None}
    value = None if told is None else Interval(value=_rounded(told.value, card.points), low=None, high=None)
    return card.model_copy(
        update={
            "w1": None,
            "w1_stderr": None,
            "metrics": dict.fromkeys(card.metrics) | {TOLD: value},
            "missing": missing,
            "diagnosis": None,
        }
    )


def step(points: int) -> float:
    """What cosines over so many points are rounded to a multiple of."""
    return next((step for step in _STEPS if step * sqrt(points) >= 1), _STEPS[-1])


def _rounded(value: float, points: int) -> float:
    return round(round(value / step(points)) * step(points), 2) + 0.0  # no negative zero


def _of_score(score: Score, kept_back: bool | None) -> Score:
    if kept_back is False or (kept_back is None and not score.card.sealed):
        return score
    return Score(rounded(score.card).model_dump_json(), None)  # nor its resamples
