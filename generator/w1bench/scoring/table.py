"""A scorecard as a table of text, on the command line and where Python prints one; and the form that all tables of text have."""

import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from w1bench.scoring.metrics import METRICS
from w1bench.scoring.scorecard import Scorecard

_WIDTH = 100  # of a printed scorecard


def scorecard(card: Scorecard) -> Table:
    """Metrics with their intervals, then the diagnosis."""
    rows = [
        (name, interval(card.metrics.get(name)), METRICS[name].unit, card.missing.get(name, METRICS[name].meaning))
        for name in METRICS
        if name in card.metrics
    ]
    diagnosis = card.diagnosis.model_dump() if card.diagnosis else {}
    rows += [(name, number(value), "", "") for name, value in diagnosis.items() if not isinstance(value, dict | tuple)]
    found = table((card.pair, f"value [{card.level:.0%}]", "unit", ""), rows, words=("",))
    w1 = "sealed" if card.w1 is None else f"W1 = {card.w1:.6g}"
    trivial = "".join(f"; {name} alone has cos {cos:.3f}" for name, cos in (card.trivial or {}).items())
    truth = "; the stored truth itself, which does not rank" if card.truth else ""
    found.caption = f"{w1}; {card.points:,} points; metric version {card.metric_version}{trivial}{truth}"
    return found


def text(found: Table) -> str:
    """A table as plain text, without blanks at the ends of its lines, and without empty lines about it."""
    console = Console(width=_WIDTH, file=io.StringIO())
    with console.capture() as captured:
        console.print(found, markup=False, highlight=False)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()).strip("\n")


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], words: Collection[str] = ("meaning", "data sets")
) -> Table:
    """A table whose columns of `words` are folded where there is little room; figures are never cut."""
    found = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        found.add_column(column, no_wrap=column not in words, overflow="fold", min_width=6 if column in words else None)
    for row in rows:
        found.add_row(*map(escape, row))
    return found


def number(value: float | None) -> str:
    """A figure to five digits."""
    return "-" if value is None else f"{value:.5g}"


def interval(found: Any) -> str:
    """A metric's value with its interval, given as such or as a document."""
    if found is None:
        return "-"
    values = found if isinstance(found, Mapping) else found.model_dump()
    if values["low"] is None:
        return number(values["value"])
    return f"{values['value']:.5g} [{values['low']:.5g}, {values['high']:.5g}]"
