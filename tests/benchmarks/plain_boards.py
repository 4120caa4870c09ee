"""Plain boards: computed by walking over all records, comparison by comparison; the boards of other pairs are kept."""

from __future__ import annotations

from functools import lru_cache

from w1bench.scoring.metrics import HEADLINE
from w1bench.scoring.scorecard import Scorecard
from w1bench_server.leaderboard.comparison import Compared, tied, unpacked
from w1bench_server.leaderboard.parts import BoardPart
from w1bench_server.leaderboard.ranking import Metrics, Scores, Standing, board
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.ledger.records import Record, Score
from w1bench_server.pairs.catalogue import PublishedPairs
from w1bench_server.web.api.schemas.leaderboard import board as answer

_KEPT_SCORES = 512


class PlainBoards:
    """The boards of a ledger whose pairs are all open."""

    def __init__(self, ledger: Ledger, published: PublishedPairs) -> None:
        self._ledger, self._published = ledger, published
        self._cached: dict[str, tuple[int, list[Standing]]] = {}
        self._opened = lru_cache(_KEPT_SCORES)(self._open)

    def rows(self, pairs: set[str] | None = None) -> list[Standing]:
        """The rows of all boards, or of some."""
        boards: dict[str, list[Record]] = {}
        for record in self._ledger.records().values():
            if pairs is None or record.entry.pair in pairs:
                boards.setdefault(record.entry.pair, []).append(record)
        return [standing for pair in sorted(boards) for standing in self._board(pair, boards[pair])]

    def answer(self) -> str:
        """All rows, as JSON."""
        rows = self.rows()
        last = max(record.last for record in self._ledger.records().values())
        return answer(
            BoardPart(last, [], rows, [], None), HEADLINE, "", self._published, following=None
        ).model_dump_json()

    def _board(self, pair: str, records: list[Record]) -> list[Standing]:
        last = max(record.last for record in records)
        cached = self._cached.get(pair)
        if cached is None or cached[0] != last:
            cached = self._cached[pair] = (last, board(records, HEADLINE, self._tied, _combine))
        return cached[1]

    def _tied(self, a: Scores, b: Scores, metric: str) -> bool:
        return tied([self._opened(score) for score in a], [self._opened(score) for score in b], metric)

    def _open(self, score: Score) -> Compared:
        assert score.resamples is not None
        card = Scorecard.model_validate_json(score.scorecard)
        resampled = self._ledger.resampled(score.resamples)
        assert resampled is not None
        return Compared(card, unpacked(card, resampled))


def _combine(scores: Scores) -> Metrics:
    """Each submission of the benchmark is of one seed."""
    return scores[0].card.metrics
