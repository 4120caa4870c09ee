"""The evidence of a submission: every figure that a finding may rest on, from its scorecard, what its method declares, and its pair's record."""

from dataclasses import dataclass
from typing import Protocol

from w1bench.diagnostics.congestion import Congestion, congestion_of
from w1bench.diagnostics.findings.facts import BatchFigures, Facts, PatchFigures
from w1bench.scoring.scorecard import Scorecard


class Record(Protocol):
    """What is known of a pair (see `record`)."""

    def batch(self, size: int) -> BatchFigures | None: ...

    def patch(self, size: int) -> PatchFigures | None: ...


@dataclass(frozen=True)
class Evidence:
    """A scorecard, the facts, and what follows: congestion, and of the pair what its batches and patches say, where that is known."""

    card: Scorecard
    facts: Facts
    congestion: Congestion | None = None
    batch: BatchFigures | None = None
    patches: PatchFigures | None = None


def gather(card: Scorecard, facts: Facts, record: Record | None) -> Evidence:
    """The evidence without a judgement."""
    weight, batch, field = facts.penalty_weight, facts.batch, facts.receptive_field
    return Evidence(
        card, facts,
        None if weight is None or card.excess is None else congestion_of(card.excess, weight),
        None if batch is None or facts.native_value is None or record is None else record.batch(batch),
        None if field is None or record is None else record.patch(field),
    )  # fmt: skip
