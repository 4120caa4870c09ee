"""The boards of a running service, cached: a pair's board is computed when it is asked for, and again only after an event on it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from w1bench.scoring.intervals.seeds import combined
from w1bench.scoring.metrics import HEADLINE, METRICS
from w1bench_server.leaderboard.comparison import Compared, sample, tied, unpacked
from w1bench_server.leaderboard.ranking import Metrics, Scores, Standing, board
from w1bench_server.ledger.records import Record, Score
from w1bench_server.ledger.snapshot import Records
from w1bench_server.submissions.redaction import PublicRecords

_KEPT_SCORES = 512  # 90 kB each
_KEPT_TIES = 1 << 16
AsOf = int | datetime | None


@dataclass(frozen=True)
class Board:
    """A pair's board: who ranks, best first, and the retracted submissions."""

    standings: list[Standing]
    retracted: list[Record]


@dataclass(frozen=True)
class View:
    """The leaderboard up to row `as_of` of the ledger, on `pairs`, which are sorted; `board` computes a pair's where necessary."""

    as_of: int
    pairs: list[str]
    board: Callable[[str], Board]

    @property
    def standings(self) -> list[Standing]:
        """The rows of all boards."""
        return [standing for pair in self.pairs for standing in self.board(pair).standings]


class Boards:
    """The boards of a ledger; those of sealed pairs are made of redacted scores."""

    def __init__(self, records: PublicRecords) -> None:
        self._records, self._ledger = records, records.ledger
        self._cached: dict[tuple[str, str], tuple[tuple[int, bool | None], Board]] = {}
        self.opened = lru_cache(_KEPT_SCORES)(self._opened)
        self._tied = lru_cache(_KEPT_TIES)(self._compare)
        self._combined = lru_cache(_KEPT_SCORES)(self._combine)

    def view(self, *, metric: str = HEADLINE, pairs: Collection[str] | None = None, as_of: AsOf = None) -> View:
        """The boards of all pairs, or of some, now or as they were."""
        now = self._ledger.snapshot()
        until = now.seq if as_of is None else self._ledger.seq_at(as_of)

        def records(pair: str) -> Records:
            return now.pairs[pair] if until >= now.seq else self._ledger.past(now.pairs[pair], until)

        def of_pair(pair: str) -> Board:
            return self._board(pair, list(records(pair).values()), metric, keep=until >= now.seq)

        entered = [
            pair
            for pair, of_it in now.pairs.items()
            if (pairs is None or pair in pairs) and next(iter(of_it.values())).seq <= until
        ]
        return View(until, sorted(entered), of_pair)

    def _board(self, pair: str, records: list[Record], metric: str, *, keep: bool) -> Board:
        last = max(record.last for record in records)  # stands for the pair's events so far
        is_sealed = self._records.is_sealed(pair, records[-1].entry.pair_digest)
        state = (last, is_sealed)
        cached = self._cached.get((pair, metric))
        if cached is None or cached[0] != state:
            public = records if is_sealed is False else [self._records.of(record) for record in records]
            retracted = [record for record in records if record.retraction is not None]
            cached = (state, Board(board(public, metric, self._tied, self._combined), retracted))
            if keep:
                self._cached[pair, metric] = cached
        return cached[1]

    def _compare(self, a: Scores, b: Scores, metric: str) -> bool:
        return tied(self._all(a), self._all(b), metric)

    def _combine(self, scores: Scores) -> Metrics:
        """The mean over seeds of every metric that all have; a single score's own."""
        if len(scores) == 1:
            return scores[0].card.metrics
        opened = self._all(scores)
        samples = {name: sample(opened, name) for name in scores[-1].card.metrics}
        return {name: of_it and combined(of_it, bounds=METRICS[name].bounds) for name, of_it in samples.items()}

    def _all(self, scores: Scores) -> list[Compared]:
        return [self.opened(score) for score in scores]

    def _opened(self, score: Score) -> Compared:
        card = score.card
        resampled = self._ledger.resampled(score.resamples) if score.resamples else None
        return Compared(card, None if resampled is None else unpacked(card, resampled))
