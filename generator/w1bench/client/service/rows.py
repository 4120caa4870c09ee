"""A row of the service as Python shows it: a dictionary with a line for people, and a table for notebooks."""

from collections.abc import Mapping
from typing import Any

from w1bench import notebook
from w1bench.scoring.metrics import SHOWN

Metrics = Mapping[str, Mapping[str, float | None] | None]


class Row(dict[str, Any]):
    """A submission, or a board's row, as the service gives it."""

    def __repr__(self) -> str:
        return f"<{_title(self)}: {'; '.join([', '.join(_figures(self)), *([self['url']] if 'url' in self else [])])}>"

    def _repr_html_(self) -> str:
        named = [(name, text(value)) for name, value in _metrics(self).items()]
        return notebook.table(_title(self), named, ("metric", "value [95 %]"))


def text(interval: Mapping[str, float | None] | None, digits: int = 4) -> str:
    """A metric's value with its interval, as JSON has them; `-` where there is none."""
    if interval is None or (value := interval["value"]) is None:
        return "-"
    low, high = interval["low"], interval["high"]
    bounds = "" if low is None or high is None else f" [{low:.{digits}g}, {high:.{digits}g}]"
    return f"{value:.{digits}g}{bounds}"


def _title(row: Row) -> str:
    rank = "no rank" if row.get("rank") is None else f"rank {row['rank']}{' (tied)' if row['tied'] else ''}"
    of_user = f"{row['method']} of {row['user']} on {row['pair']}"
    return f"{of_user}, {rank}" if "rank" in row else of_user


def _metrics(row: Row) -> Metrics:
    return row["metrics"] if "metrics" in row else row["scorecard"]["metrics"]


def _figures(row: Row) -> list[str]:
    metrics = _metrics(row)
    return [f"{name} {text(metrics[name])}" for name in SHOWN if metrics.get(name) is not None]
