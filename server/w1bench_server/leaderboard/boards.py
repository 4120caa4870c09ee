"""The boards of a running service, cached: a pair's board is computed again only after an event on it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from w1bench.scoring.metrics import HEADLINE
from w1bench_server.leaderboard.comparison import Compared, unpacked
from w1bench_server.leaderboard.ranking import Standing, board
from w1bench_server.ledger.records import Record, Score
from w1bench_server.submissions.redaction import PublicRecords

_KEPT_SCORES = 512  # 40 kB each
AsOf = int | datetime | None


@dataclass(frozen=True)
class View:
    """The leaderboard up to row `as_of` of the ledger: the boards, sorted by pair, and the retracted submissions."""

    as_of: int
    standings: list[Standing]
    retracted: list[Record]


class Boards:
    """The boards of a ledger; those of sealed pairs are made of redacted scores."""

    def __init__(self, records: PublicRecords) -> None:
        self._records, self._ledger = records, records.ledger
        self._cached: dict[tuple[str, str], tuple[tuple[int, bool | None], list[Standing]]] = {}
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
        last = max(record.last for record in records)  # stands for the pair's events so far
        is_sealed = self._records.is_sealed(pair, records[-1].entry.pair_digest)
        state = (last, is_sealed)
        cached = self._cached.get((pair, metric))
        if cached is None or cached[0] != state:
            public = records if is_sealed is False else [self._records.of(record) for record in records]
            cached = (state, board(public, metric, self.opened))
            if keep:
                self._cached[pair, metric] = cached
        return cached[1]

    def _opened(self, score: Score) -> Compared:
        card = score.card
        resampled = self._ledger.resampled(score.resamples) if score.resamples else None
        return Compared(card, None if resampled is None else unpacked(card, resampled))
