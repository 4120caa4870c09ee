"""The leaderboard as CSV: rows with every metric and its interval, or the methods of a track."""

from w1bench.scoring import metrics
from w1bench_server.web.api.schemas.leaderboard import Board, MethodRow

_COLUMNS = (
    "rank",
    "tied",
    "pair",
    "method",
    "user",
    "id",
    "url",
    "submitted_at",
    "reference",
    "tries",
    "seeds",
    "truth",
)


def as_csv(board: Board) -> str:
    """A header, and one line for each row, or for each method of a track; a missing figure is empty."""
    if board.methods is not None:
        return metrics.as_csv(MethodRow.model_fields, (row.model_dump().values() for row in board.methods))
    rows = ([*(getattr(row, column) for column in _COLUMNS), *metrics.cells(row.metrics)] for row in board.rows)
    return metrics.as_csv([*_COLUMNS, *metrics.COLUMNS], rows)
