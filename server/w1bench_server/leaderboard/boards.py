"""Boards: the leaderboard of a running service; a pair's board is computed anew only when something happened on it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from w1bench.scoring.metrics import HEADLINE
from w1bench_server.leaderboard.comparison import Compared, unpacked
from w1bench_server.leaderboard.ranking import Standing, board
from w1bench_server.ledger.records import Record, Score
from w1bench_server.submissions.redaction import Feedback

_KEPT_SCORES = 512  # 40 kB each
AsOf = int | datetime | None


@dataclass(frozen=True)
class View:
    """The leaderboard up to row `as_of` of the ledger: boards in the order of their pairs, and what was retracted."""

    as_of: int
    standings: list[Standing]
    retracted: list[Record]


class Boards:
    """The boards of a ledger, of sealed pairs by what is told of their scores."""

    def __init__(self, feedback: Feedback) -> None:
        self._feedback, self._ledger = feedback, feedback.ledger
        self._known: dict[tuple[str, str], tuple[tuple[int, bool | None], list[Standing]]] = {}
        self.opened = lru_cache(_KEPT_SCORES)(self._opened)

    def view(self, *, metric: str = HEADLINE, pairs: Collection[str] | None = None, as_of: AsOf = None) -> View:
        """The boards of all pairs, or of some, now or as they were."""
        records = self._ledger.records(as_of=as_of)
        boards: dict[str, list[Record]] = {}
        for record in records.values():
            if pairs is None or record.entry.pair in pairs:
                boards.setdefault(record.entry.pair, []).append(record)
        standings = [s for pair in sorted(boards) for s in self._board(pair, boards[pair], metric, keep=as_of is None)]
        retracted = [r for pair in sorted(boards) for r in boards[pair] if r.retraction is not None]
        return View(max((record.last for record in records.values()), default=0), standings, retracted)

    def _board(self, pair: str, records: list[Record], metric: str, *, keep: bool) -> list[Standing]:
        last = max(record.last for record in records)  # names a prefix of the pair's events
        kept_back = self._feedback.kept_back(pair, records[-1].entry.pair_digest)
        state = (last, kept_back)
        known = self._known.get((pair, metric))
        if known is None or known[0] != state:
            told = records if kept_back is False else [self._feedback.of(record) for record in records]
            known = (state, board(told, metric, self.opened))
            if keep:
                self._known[pair, metric] = known
        return known[1]

    def _opened(self, score: Score) -> Compared:
        card = score.card
        resampled = self._ledger.resampled(score.resamples) if score.resamples else None
        return Compared(card, None if resampled is None else unpacked(card, resampled))
