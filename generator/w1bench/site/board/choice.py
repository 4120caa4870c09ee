"""What of the board is shown: the filters, the order and the page, all of which stand in the address."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from math import inf
from typing import Any
from urllib.parse import urlencode

from w1bench.scoring.metrics import METRICS
from w1bench.site.board.rows import Row

TRACKS = ("open", "sealed")
VIEWS = {"methods": "Overall", "map": "Method by pair", "rows": "Every row"}
YES_NO = ("yes", "no")
ORDERS = (
    "skill",
    "worst",
    "mean_rank",
    "pairs",
    "method",
    "steps",
    "seconds",
    *(name for name in METRICS if name != "skill"),
)
PAGE_ROWS = 100
MAP_METHODS = 60  # of a map, whose rows are wide


@dataclass(frozen=True)
class Choice:
    """A choice of the board; what is None or a default does not stand in the address."""

    track: str = "open"
    view: str = "methods"
    family: str | None = None
    dim: int | None = None
    pair: str | None = None
    user: str | None = None
    q: str | None = None
    reference: str | None = None
    trains: str | None = None
    knows_family: str | None = None
    sort: str = "skill"
    page: int = 1

    def query(self, **changes: Any) -> str:
        """The address of this choice with changes, which lead to their first page."""
        changed = replace(self, **({"page": 1} | changes))
        given = [(name, getattr(changed, name)) for name in _NAMES]
        words = [(name, value) for name, value in given if value is not None and value != _DEFAULTS[name]]
        return "?" + urlencode(words)

    @property
    def fields(self) -> list[tuple[str, Any]]:
        """The fields that a form must keep, which its own do not name: the track, the view and the order."""
        return [
            (name, getattr(self, name)) for name in ("track", "view", "sort") if getattr(self, name) != _DEFAULTS[name]
        ]

    @property
    def is_filtered(self) -> bool:
        return any(
            getattr(self, name)
            for name in ("family", "dim", "pair", "user", "q", "reference", "trains", "knows_family")
        )

    def scope(self, rows: Iterable[Row]) -> list[Row]:
        """The rows of the pairs that are chosen: what means are taken over."""
        return [
            row for row in rows
            if row.track == self.track and self.family in (None, row.family) and self.dim in (None, row.dim)
            and self.pair in (None, row.pair)
        ]  # fmt: skip

    def admits(self, row: Row) -> bool:
        """Whether a row's method is among those chosen."""
        return (
            self.user in (None, row.user)
            and _says(self.reference, row.reference)
            and _says(self.trains, row.metadata.get("trains"))
            and _says(self.knows_family, row.metadata.get("knows_family"))
            and (self.q is None or self.q.lower() in f"{row.method} {row.user}".lower())
        )

    def ordered(self, rows: Iterable[Row]) -> list[Row]:
        """Rows by the chosen order, the best first; without a value last."""
        if self.sort == "method":
            return sorted(rows, key=lambda row: (row.method.lower(), row.user, row.pair))
        return sorted(rows, key=lambda row: (self._badness(row), row.rank or inf, row.pair, row.method, row.user))

    def _badness(self, row: Row) -> float:
        if self.sort in METRICS:
            return METRICS[self.sort].badness(row.metrics.get(self.sort), row.w1)
        if self.sort == "seconds":
            return row.metadata.get("seconds", inf)
        if self.sort == "steps":
            return -row.metadata.get("steps", 0)
        return row.rank or inf


def piece(items: Sequence[Any], page: int, size: int = PAGE_ROWS) -> tuple[Sequence[Any], int]:
    """One page of items, and how many pages there are."""
    pages = max(1, -(-len(items) // size))
    start = (min(page, pages) - 1) * size
    return items[start : start + size], pages


def _says(wanted: str | None, said: bool | None) -> bool:
    return wanted is None or said is (wanted == "yes")


_NAMES = tuple(field.name for field in fields(Choice))
_DEFAULTS = {field.name: field.default for field in fields(Choice)}
