"""The boards of many pairs at once, for tests of the ranking."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from w1bench.scoring.intervals.seeds import combined
from w1bench.scoring.metrics import HEADLINE
from w1bench_server.leaderboard.comparison import Compared, sample, tied
from w1bench_server.leaderboard.ranking import Metrics, Scores, Standing, board
from w1bench_server.ledger.records import Record, Score

Open = Callable[[Score], Compared]


def without_resamples(score: Score) -> Compared:
    """A score of which only equals are tied."""
    return Compared(score.card, None)


def standings(records: Iterable[Record], *, metric: str = HEADLINE, opened: Open = without_resamples) -> list[Standing]:
    """The boards of all pairs, by pair; `records` are in the ledger's order."""
    boards: dict[str, list[Record]] = {}
    for record in records:
        boards.setdefault(record.entry.pair, []).append(record)

    def are_tied(a: Scores, b: Scores, of: str) -> bool:
        return tied([opened(score) for score in a], [opened(score) for score in b], of)

    def combine(scores: Scores) -> Metrics:
        samples = {name: sample([opened(score) for score in scores], name) for name in scores[-1].card.metrics}
        return {name: of_it and combined(of_it) for name, of_it in samples.items()}

    return [standing for pair in sorted(boards) for standing in board(boards[pair], metric, are_tied, combine)]
