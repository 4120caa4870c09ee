"""The overall board: each method's mean skill over families, the worst family beside it, and how much of the track it entered.

Within a family the mean is over pairs. Controls count in no mean. Methods that entered all pairs that count are placed by their mean skill, those of
one place differing from its best by noise alone; the others are listed apart. Of sealed pairs only cosines are public, which stand in for skill.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf, sqrt
from statistics import fmean, median

from w1bench.recipes.families import CORE
from w1bench.scoring.metrics import HEADLINE, METRICS
from w1bench.site.board.choice import Choice
from w1bench.site.board.rows import Row, are_apart

SCORES = {"open": "skill", "sealed": HEADLINE}  # what is averaged on a track


@dataclass(frozen=True)
class Method:
    """A method of a user over pairs; `score` is its mean over families of `by_family`, and `error` that mean's standard error."""

    rows: tuple[Row, ...]
    counted: frozenset[str]  # the pairs that count
    score: float | None
    error: float
    by_family: dict[str, float]
    entered: int  # of the pairs that count
    rank: int | None = None
    tied: bool = False

    @property
    def of(self) -> int:
        return len(self.counted)

    @property
    def first(self) -> Row:
        """The row that stands for it: one that says it knows the pair's family, if there is one."""
        return next((row for row in self.rows if row.metadata.get("knows_family")), self.rows[0])

    @property
    def is_complete(self) -> bool:
        return self.entered == self.of

    @property
    def worst(self) -> tuple[str, float] | None:
        return min(self.by_family.items(), key=lambda item: item[1], default=None)

    @cached_property
    def mean_rank(self) -> float | None:
        ranks = [row.rank for row in self.rows if row.rank is not None and not row.control]
        return fmean(ranks) if ranks else None

    @cached_property
    def _counted_rows(self) -> list[Row]:
        """Its rows on pairs that count; all of them, where none does."""
        return [row for row in self.rows if row.pair in self.counted] or list(self.rows)

    @property
    def seeds(self) -> int:
        return min(row.seeds for row in self._counted_rows)

    @property
    def steps(self) -> tuple[int, int] | None:
        """The fewest and the most steps of training of its rows that count, of those that say it."""
        said = [row.metadata["steps"] for row in self._counted_rows if row.metadata.get("steps", 1) > 1]
        return (min(said), max(said)) if said else None

    @property
    def seconds(self) -> float | None:
        said = [row.metadata["seconds"] for row in self._counted_rows if "seconds" in row.metadata]
        return median(said) if said else None

    def mean(self, metric: str) -> float | None:
        """Over those of its pairs that count and have the metric."""
        values = [value for row in self.rows if row.pair in self.counted and (value := row.value(metric)) is not None]
        return fmean(values) if values else None


def placed(rows: Iterable[Row], track: str, *, every: bool = False) -> list[Method]:
    """The methods of rows on the pairs that were chosen: the complete ones with their places, and then the others.

    With `every`, all pairs with reference rows count, those of the suite `core` no more than others.
    """
    scope = [row for row in rows if not row.truth]
    counted = _counted(scope, SCORES[track], frozenset() if every else frozenset(CORE))
    entered: dict[tuple[str, str], list[Row]] = {}
    for row in scope:
        entered.setdefault(row.key, []).append(row)
    return _placed([_method(tuple(of_it), counted, SCORES[track]) for of_it in entered.values()])


def chosen(methods: Iterable[Method], choice: Choice) -> list[Method]:
    """The methods that a choice shows, in its order; their places stay those among all."""
    shown = [method for method in methods if choice.admits(method.first)]
    return shown if choice.sort == "skill" else sorted(shown, key=lambda method: _badness(method, choice.sort))


def families(methods: Iterable[Method]) -> list[str]:
    """The families that any of the methods has a mean in."""
    return sorted({family for method in methods for family in method.by_family})


def _counted(rows: Iterable[Row], score: str, first: frozenset[str]) -> frozenset[str]:
    """The pairs that count, which no single submission changes: those of `first`, else those with reference rows, else all that have a row."""
    scored = [row for row in rows if not row.control and row.value(score) is not None]
    found = frozenset(row.pair for row in scored)
    return found & first or frozenset(row.pair for row in scored if row.reference) or found


def _method(rows: tuple[Row, ...], counted: frozenset[str], score: str) -> Method:
    values: dict[str, list[float]] = {}
    squares: dict[str, list[float]] = {}
    for row in rows:
        if row.pair in counted and (value := row.value(score)) is not None:
            values.setdefault(row.family, []).append(value)
            squares.setdefault(row.family, []).append(row.error(score) ** 2)
    means = {family: fmean(found) for family, found in values.items()}
    error = sqrt(sum(sum(found) / len(found) ** 2 for found in squares.values())) / len(means) if means else 0.0
    entered = sum(len(found) for found in values.values())
    return Method(rows, counted, fmean(means.values()) if means else None, error, means, entered)


def _placed(methods: Sequence[Method]) -> list[Method]:
    """The complete ones by their score with places, and then the others, the fuller ones first."""
    placed: list[Method] = []
    leader = -1
    ranked = sorted(
        (m for m in methods if m.is_complete and m.score is not None), key=lambda m: (-(m.score or 0), m.first.key)
    )
    for index, method in enumerate(ranked):
        best = ranked[leader] if leader >= 0 else None
        tied = best is not None and not are_apart(best.score or 0, method.score or 0, best.error, method.error)
        if tied:
            placed[leader] = replace(placed[leader], tied=True)
        else:
            leader = index
        placed.append(replace(method, rank=leader + 1, tied=tied))
    rest = [method for method in methods if not (method.is_complete and method.score is not None)]
    return placed + sorted(rest, key=lambda m: (-m.entered, -(m.score if m.score is not None else -inf), m.first.key))


def _badness(method: Method, order: str) -> tuple[float, str]:
    name = method.first.method.lower()
    if order == "method":
        return 0.0, name
    if order in METRICS:
        value, sign = method.mean(order), 1 if METRICS[order].better == "lower" else -1
    else:
        value, sign = {
            "worst": (method.worst and method.worst[1], -1), "mean_rank": (method.mean_rank, 1), "pairs": (method.entered, -1),
            "seconds": (method.seconds, 1), "steps": (method.steps and method.steps[1], -1),
        }[order]  # fmt: skip
    return (inf if value is None else sign * value), name
