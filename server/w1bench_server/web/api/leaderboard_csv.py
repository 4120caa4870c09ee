"""The leaderboard as comma-separated values: rows with every metric and its interval, or methods over a track."""

from __future__ import annotations

from w1bench.scoring import metrics
from w1bench_server.web.api.schemas.leaderboard import Board, MethodRow

_COLUMNS = ("rank", "tied", "pair", "method", "user", "id", "url", "submitted_at", "reference")


def as_csv(board: Board) -> str:
    """One line a row, or of a track one line a method, below one line of names; an absent figure is empty."""
    if board.methods is not None:
        return metrics.as_csv(MethodRow.model_fields, (row.model_dump().values() for row in board.methods))
    rows = ([*(getattr(row, column) for column in _COLUMNS), *metrics.cells(row.metrics)] for row in board.rows)
    return metrics.as_csv([*_COLUMNS, *metrics.COLUMNS], rows)
