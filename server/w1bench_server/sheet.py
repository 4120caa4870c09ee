"""Sheet: the leaderboard as comma-separated values, every metric with its interval."""

from __future__ import annotations

import csv
import io

from w1bench.metrics import METRICS
from w1bench_server.wire import Board, BoardRow

_COLUMNS = ("rank", "pair", "method", "user", "id", "url", "submitted_at")
_BOUNDS = {"": "value", "_low": "low", "_high": "high"}


def sheet(board: Board) -> str:
    """One line a row below one line of names; an absent figure is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_COLUMNS, *(metric + suffix for metric in METRICS for suffix in _BOUNDS)])
    writer.writerows([*(getattr(row, column) for column in _COLUMNS), *_figures(row)] for row in board.rows)
    return text.getvalue()


def _figures(row: BoardRow) -> list[float | None]:
    intervals = (row.metrics.get(metric) for metric in METRICS)
    return [getattr(i, bound) if i else None for i in intervals for bound in _BOUNDS.values()]
