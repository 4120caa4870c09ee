"""The leaderboard: a pure function of the ledger's rows.

A board is of one pair as it is now: a pair that was made anew under its old name (another digest) starts an empty one.
Methods rank by a figure of their gradients, cos or L2. Figures of the values alone (dev and the W1 estimates) never rank,
for a bad gradient can have them right by chance: rows listed by such a figure keep their rank by cos.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf

from w1bench.metrics import METRICS
from w1bench.scorecard import Scorecard
from w1bench_server.ledger import Row

HEADLINE = "cos"
RANKING = (HEADLINE, "l2")


@dataclass(frozen=True)
class Standing:
    """A row on a board; it has no rank where its metric has no value."""

    rank: int | None
    row: Row
    card: Scorecard


def standings(rows: Iterable[Row], *, metric: str = HEADLINE) -> list[Standing]:
    """The boards of all pairs, by pair, best first: the best row of each method and user; equal ones share a rank.

    `rows` are in the ledger's order.
    """
    boards: dict[str, list[Row]] = {}
    for row in rows:
        boards.setdefault(row.entry.pair, []).append(row)
    return [standing for pair in sorted(boards) for standing in _board(boards[pair], metric)]


def badness(card: Scorecard, metric: str) -> float:
    """Lower is better; infinite without a value."""
    interval = card.metrics.get(metric)
    if interval is None:
        return inf
    better = METRICS[metric].better
    if better == "nearer to W1":
        return abs(interval.value - card.w1)
    return -interval.value if better == "higher" else interval.value


def _board(rows: Sequence[Row], metric: str) -> list[Standing]:
    current = rows[-1].entry.pair_digest
    scored = [Standing(None, row, row.card) for row in rows if row.entry.pair_digest == current]
    if metric in RANKING:
        return _ranked(scored, metric)
    listed = sorted(_ranked(scored, HEADLINE), key=lambda standing: badness(standing.card, metric))
    return [s if badness(s.card, metric) < inf else replace(s, rank=None) for s in listed]


def _ranked(scored: Sequence[Standing], metric: str) -> list[Standing]:
    best: dict[tuple[str, str], Standing] = {}
    for standing in sorted(scored, key=lambda s: (badness(s.card, metric), s.row.seq)):
        best.setdefault((standing.row.entry.method, standing.row.entry.user), standing)
    ordered = list(best.values())
    values = [badness(standing.card, metric) for standing in ordered]
    # 1 + how many are strictly better: equal ones share a rank
    return [replace(s, rank=values.index(v) + 1 if v < inf else None) for s, v in zip(ordered, values, strict=True)]
