"""The leaderboard as CSV: rows with every metric and its interval, or the methods of a track."""

from __future__ import annotations

import csv
import io

from w1bench.scoring.metrics import BOUNDS, METRICS
from w1bench_server.web.api.schemas.leaderboard import Board, BoardRow, MethodRow

_COLUMNS = ("rank", "tied", "pair", "method", "user", "id", "url", "submitted_at", "reference")


def as_csv(board: Board) -> str:
    """A header, and one line for each row, or for each method of a track; a missing figure is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if board.methods is not None:
        writer.writerow(MethodRow.model_fields)
        writer.writerows(row.model_dump().values() for row in board.methods)
        return text.getvalue()
    writer.writerow([*_COLUMNS, *(metric + suffix for metric in METRICS for suffix in BOUNDS)])
    writer.writerows([*(getattr(row, column) for column in _COLUMNS), *_figures(row)] for row in board.rows)
    return text.getvalue()


def _figures(row: BoardRow) -> list[float | None]:
    intervals = (row.metrics.get(metric) for metric in METRICS)
    return [getattr(i, bound) if i else None for i in intervals for bound in BOUNDS.values()]
