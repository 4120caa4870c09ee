"""Redaction: while a pair is sealed, the public sees of a score only its rounded cosine.

Any exact figure would measure the truth: a gradient of size M in one row shows in l2 as M / m, and dev reveals W1 at once. Over
m points the cosine is rounded to a multiple of at least 1 / sqrt(m), which bounds its standard error, so that sqrt(m) rows must
agree to move it by one step. Boards rank by the redacted figures, so that ranks compare no further digits.
"""

from dataclasses import dataclass, replace
from math import sqrt

from w1bench.errors import CheckFailedError, PairError
from w1bench.scoring.scorecard import Interval, Scorecard
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.ledger.records import Record, Score
from w1bench_server.pairs.catalogue import PublishedPairs

PUBLIC = "cos"  # the metric that is shown
_STEPS = (0.01, 0.02, 0.05, 0.1)
_REASON = "kept back until the pair is revealed"


@dataclass(frozen=True)
class PublicRecords:
    """The records of a ledger, redacted as long as their pairs are sealed."""

    ledger: Ledger
    pairs: PublishedPairs

    def find(self, identity: str) -> Record:
        """The record of an id, redacted; raises as `Ledger.find`."""
        return self.of(self.ledger.find(identity))

    def of(self, record: Record) -> Record:
        """A record, redacted if its pair is sealed."""
        is_sealed = self.is_sealed(record.entry.pair, record.entry.pair_digest)
        return replace(record, scores=tuple(_of_score(score, is_sealed) for score in record.scores))

    def is_sealed(self, pair: str, digest: str) -> bool | None:
        """Whether a pair is sealed; None where it is no longer published, so that each score itself must say."""
        try:
            published = self.pairs.get(pair)
        except (CheckFailedError, PairError):
            return None
        return published.is_sealed if published.digest == digest else None


def redacted(card: Scorecard) -> Scorecard:
    """A scorecard with its rounded cosine alone."""
    cosine = card.metrics.get(PUBLIC)
    missing = {name: card.missing.get(name, _REASON) for name in card.metrics if name != PUBLIC or cosine is None}
    value = None if cosine is None else Interval(value=_rounded(cosine.value, card.points), low=None, high=None)
    return card.model_copy(
        update={
            "w1": None,
            "w1_stderr": None,
            "metrics": dict.fromkeys(card.metrics) | {PUBLIC: value},
            "missing": missing,
            "diagnosis": None,
            "excess": None,
            "plane": None,
            "trivial": None,
            "truth": False,
        }
    )


def step(points: int) -> float:
    """The step that cosines over so many points are rounded to a multiple of."""
    return next((step for step in _STEPS if step * sqrt(points) >= 1), _STEPS[-1])


def _rounded(value: float, points: int) -> float:
    return round(round(value / step(points)) * step(points), 2) + 0.0  # no negative zero


def _of_score(score: Score, is_sealed: bool | None) -> Score:
    if is_sealed is False or (is_sealed is None and not score.card.sealed):
        return score
    return Score(redacted(score.card).model_dump_json(), None)  # nor its resamples
