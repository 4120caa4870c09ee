"""Cells: methods on pairs at the longest budget that each has there, every figure a mean over seeds.

Rows of several files, budgets and metric versions are brought together here: of a seed the newest metric version counts, a family that old rows do not name is
that of their law's recipe, and the trivial critics' cosines of any row count for all rows of its pair.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from statistics import fmean
from typing import Any

from w1bench.recipes.families import CONTROLS
from w1bench.recipes.files import find_recipe
from w1bench.scoring.baseline.baseline import CONTROL
from w1bench.scoring.intervals.seeds import Sample
from w1bench.scoring.scorecard import Interval
from w1bench.trials.results import Row, metrics_of, row_order


@dataclass(frozen=True)
class Cell:
    """A method on a pair, `rows` one a seed; `trivial` is the best trivial critic's cosine there, None where no row says it."""

    family: str
    trivial: float | None
    rows: tuple[Row, ...]

    @property
    def method(self) -> str:
        return self.rows[0]["method"]

    @property
    def pair(self) -> str:
        return self.rows[0]["pair"]

    @property
    def law(self) -> str:
        return self.rows[0]["law"]

    @property
    def w1(self) -> float:
        return self.rows[0]["w1"]

    @property
    def steps(self) -> int:
        return _budget(self.rows[0])[0]

    @property
    def dimension(self) -> int | None:
        """D of a pair whose name has it, as hd-d16-n64-p8."""
        found = re.search(r"-d(\d+)(-|$)", self.pair)
        return int(found[1]) if found else None

    @cached_property
    def cos(self) -> float:
        """The mean cosine, which every cell has."""
        return fmean(row["metrics"]["cos"]["value"] for row in self.rows)

    @property
    def skill(self) -> float | None:
        """What the cosine is beyond the best trivial critic's; None on a control, and where that one is not known."""
        if self.family in CONTROLS or self.trivial is None or self.trivial >= CONTROL:
            return None
        return (self.cos - self.trivial) / (1 - self.trivial)

    @property
    def slope(self) -> float | None:
        """The steepest slope that f has for certain; None of rows that do not say it."""
        return max((slope for row in self.rows if (slope := _slope(row)) is not None), default=None)

    @property
    def curve(self) -> list[tuple[int, float]]:
        """Steps and mean cosines on the way to the last step; empty where no row has a curve, or one is not finite."""
        curves = [
            [(point["steps"], point["metrics"].get("cos")) for point in row.get("curve") or ()] for row in self.rows
        ]
        whole = [points for points in curves if points and all(cosine is not None for _, cosine in points)]
        return [(points[0][0], fmean(cosine for _, cosine in points)) for points in zip(*whole, strict=False)]

    def mean(self, metric: str) -> float:
        """A metric's mean over seeds; a KeyError where a row does not have it."""
        return fmean(row["metrics"][metric]["value"] for row in self.rows)

    def sample(self, metric: str) -> Sample:
        """A metric as a sample of seeds."""
        return Sample([Interval.model_validate(row["metrics"][metric]) for row in self.rows], [None] * len(self.rows))


def cells(rows: Iterable[Row], metrics: Iterable[str] = (), *, seeds: int = 1) -> list[Cell]:
    """The cells with a cosine and these metrics from `seeds` seeds or more, in the order of pairs and methods; what diverged is not among them."""
    rows, needed = list(rows), {"cos", *metrics}
    families, trivial = families_of(rows), _trivial(rows)
    able = [row for row in sorted(rows, key=row_order) if all(metrics_of(row).get(name) for name in needed)]
    found: list[Cell] = []
    for of_cell in _grouped(able, lambda row: (row["pair"], row["method"])):
        budgets = [kept for same in _grouped(of_cell, _budget) if len(kept := _newest(same)) >= seeds]
        if budgets:
            longest = max(budgets, key=lambda same: _budget(same[0])[0])
            pair = longest[0]["pair"]
            found.append(Cell(families[pair], trivial.get(pair), longest))
    return found


def families_of(rows: Iterable[Row]) -> Mapping[str, str]:
    """The family of each pair: what a row says, else that of its law's recipe."""
    rows = list(rows)
    told = {row["pair"]: row["family"] for row in rows if "family" in row}
    return {row["pair"]: told.get(row["pair"]) or _family(row["law"]) for row in rows}


@cache
def _family(law: str) -> str:
    return find_recipe(law).family


def _trivial(rows: Iterable[Row]) -> dict[str, float]:
    return {row["pair"]: max(0.0, *row["trivial"].values()) for row in rows if row.get("trivial")}


def _grouped(rows: Iterable[Row], key: Callable[[Row], Any]) -> Iterable[list[Row]]:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups.values()


def _budget(row: Row) -> tuple[int, str]:
    return row["settings"]["steps"] or row["steps"], row["data"]


def _newest(rows: Sequence[Row]) -> tuple[Row, ...]:
    """One row a seed."""
    newest: dict[int, Row] = {}
    for row in sorted(rows, key=lambda row: row.get("metric_version") or 0):
        newest[row["seed"]] = row
    return tuple(newest[seed] for seed in sorted(newest))


def _slope(row: Row) -> float | None:
    return (row.get("diagnosis") or {}).get("slope_at_least")
