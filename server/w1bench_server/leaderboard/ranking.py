"""Ranking: the boards as a pure function of the ledger's records.

A board belongs to one pair as it is now: a pair that was built again under its old name (another digest) starts with an empty one.
Methods rank by a metric of their gradients, cos or l2; those that differ by noise alone share a rank (see `comparison`).
Metrics of the values alone (dev and the W1 estimates) never rank, because a bad gradient can have them right by chance: rows
sorted by such a metric keep their rank by cos. Retracted submissions do not rank.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf
from statistics import fmean

from w1bench.scoring.metrics import HEADLINE, METRICS, RANKING
from w1bench.scoring.scorecard import Scorecard
from w1bench_server.ledger.records import Record, Score

Ties = Callable[[Score, Score, str], bool]  # whether two scores differ in a metric by noise alone


@dataclass(frozen=True)
class Standing:
    """A row of a board, without a rank where it lacks the metric; `tied` where it shares its rank."""

    rank: int | None
    record: Record
    card: Scorecard
    tied: bool = False

    @property
    def method(self) -> tuple[str, str]:
        """The method and its user."""
        return self.record.entry.method, self.record.entry.user


@dataclass(frozen=True)
class Average:
    """A method's mean rank over the pairs that it entered."""

    rank: int
    method: str
    user: str
    mean_rank: float
    pairs: int


def board(records: Sequence[Record], metric: str, tied: Ties) -> list[Standing]:
    """The board of one pair, best first: the best record of each method and user; ties share a rank.

    `records` are all of the pair, in the ledger's order.
    """
    current = records[-1].entry.pair_digest
    scored = [
        Standing(None, record, record.score.card)
        for record in records
        if record.entry.pair_digest == current and record.retraction is None
    ]
    if metric in RANKING:
        return _ranked(scored, metric, tied)
    listed = sorted(_ranked(scored, HEADLINE, tied), key=lambda standing: badness(standing.card, metric))
    return [s if badness(s.card, metric) < inf else replace(s, rank=None, tied=False) for s in listed]


def averages(standings: Iterable[Standing]) -> list[Average]:
    """The methods of several boards by their mean rank; among equals, those that entered more pairs come first."""
    ranks: dict[tuple[str, str], list[int]] = {}
    for standing in standings:
        if standing.rank is not None:
            ranks.setdefault(standing.method, []).append(standing.rank)
    ordered = sorted(ranks.items(), key=lambda item: (fmean(item[1]), -len(item[1]), item[0]))
    values = [(fmean(entered), -len(entered)) for _, entered in ordered]
    return [
        Average(values.index(value) + 1, method, user, fmean(entered), len(entered))
        for ((method, user), entered), value in zip(ordered, values, strict=True)
    ]


def badness(card: Scorecard, metric: str) -> float:
    """A score by a metric, as a number whose lowest value is the best; infinite without a value."""
    return METRICS[metric].badness(card.metrics.get(metric), card.w1)


def _ranked(scored: Sequence[Standing], metric: str, tied: Ties) -> list[Standing]:
    best: dict[tuple[str, str], Standing] = {}
    for standing in sorted(scored, key=lambda s: (badness(s.card, metric), s.record.seq)):
        best.setdefault(standing.method, standing)
    groups: list[list[Standing]] = []
    leader: Score | None = None
    for standing in best.values():
        if badness(standing.card, metric) == inf:
            groups.append([standing])
            continue
        score = standing.record.score
        if leader is not None and tied(leader, score, metric):
            groups[-1].append(standing)  # with the best of the group, not with its last, so that noise does not add up
        else:
            groups.append([standing])
            leader = score
    ranked: list[Standing] = []
    for group in groups:
        rank = len(ranked) + 1 if badness(group[0].card, metric) < inf else None
        ranked += [replace(standing, rank=rank, tied=len(group) > 1) for standing in group]
    return ranked
