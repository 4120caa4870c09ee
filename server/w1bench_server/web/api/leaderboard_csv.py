"""Sheet: the leaderboard as comma-separated values: rows with every metric and its interval, or methods over a track."""

from __future__ import annotations

import csv
import io

from w1bench.scoring.metrics import METRICS
from w1bench_server.web.api.schemas.leaderboard import Board, BoardRow, MethodRow

_COLUMNS = ("rank", "tied", "pair", "method", "user", "id", "url", "submitted_at", "reference")
_BOUNDS = {"": "value", "_low": "low", "_high": "high"}


def sheet(board: Board) -> str:
    """One line a row, or of a track one line a method, below one line of names; an absent figure is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if board.methods is not None:
        writer.writerow(MethodRow.model_fields)
        writer.writerows(row.model_dump().values() for row in board.methods)
        return text.getvalue()
    writer.writerow([*_COLUMNS, *(metric + suffix for metric in METRICS for suffix in _BOUNDS)])
    writer.writerows([*(getattr(row, column) for column in _COLUMNS), *_figures(row)] for row in board.rows)
    return text.getvalue()


def _figures(row: BoardRow) -> list[float | None]:
    intervals = (row.metrics.get(metric) for metric in METRICS)
    return [getattr(i, bound) if i else None for i in intervals for bound in _BOUNDS.values()]
