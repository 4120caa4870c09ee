"""A claim about critics: a statement, the criterion that rows of results are held against, and whether it survives without any one family of pairs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median
from typing import Any

from matplotlib.figure import Figure

from w1bench.recipes.files import find_recipe
from w1bench.solvers import SOLVERS
from w1bench.trials.comparison.cells import Cell, cells
from w1bench.trials.results import Row

Table = Sequence[Sequence[str]]  # the header first
Drawn = Any  # plain values, as JSON has them
_METHODS = {method.tag: method for method in SOLVERS.values()}


@dataclass(frozen=True)
class Judgement:
    """What critics say of a claim: whether it holds, None where they are too few to tell; the figures in words, in a table, and as they are drawn.

    `critics` are those that were looked at.
    """

    holds: bool | None
    critics: Sequence[Cell]
    words: str = ""
    table: Table = ()
    drawn: Drawn = None


@dataclass(frozen=True)
class Claim:
    """A statement about critics and how it is judged: `criterion` says when it holds, `follows` what it then means; `alt` is its figure in words.

    A critic is looked at where it has these `metrics` from as many `seeds` or more.
    """

    name: str
    statement: str
    criterion: str
    follows: str
    alt: str
    judge: Callable[[Sequence[Cell]], Judgement]
    draw: Callable[[Drawn], Figure]
    metrics: tuple[str, ...] = ()
    seeds: int = 1

    def verdict(self, rows: Sequence[Row]) -> Verdict:
        """What rows say of it, and what they say where any one family is left out."""
        found = cells(rows, self.metrics, seeds=self.seeds)
        whole = self.judge(found)
        families = sorted({cell.family for cell in whole.critics})
        return Verdict(
            self, whole, {name: self.judge([cell for cell in found if cell.family != name]).holds for name in families}
        )


@dataclass(frozen=True)
class Verdict:
    """A claim, what critics say of it, and whether it holds without each family."""

    claim: Claim
    judgement: Judgement
    without: Mapping[str, bool | None]

    def __str__(self) -> str:
        holds = self.judgement.holds
        against, for_it, unknown = (
            [f"`{name}`" for name, each in self.without.items() if each is value] for value in (False, True, None)
        )
        if holds is None:
            return "Cannot be told: the rows are too few"
        if not holds:
            return "Does not hold" + (f", but would without {either(for_it)}" if for_it else "")
        if against:
            return f"Holds, but not without {either(against)}" + (
                f", and rests on {listed(unknown)}" if unknown else ""
            )
        if unknown:
            return f"Holds, and rests on {listed(unknown)}: no other family has the rows for it"
        return "Holds without any one family"

    @property
    def drawn(self) -> str:
        """A digest of what its figure shows."""
        text = json.dumps(rounded(self.judgement.drawn), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def budget(self) -> str:
        """The critics that were looked at, and how long they were trained."""
        critics = self.judgement.critics
        return f"{counted(critics)} {trained(critics)}"


def counted(critics: Sequence[Cell]) -> str:
    """How many critics there are, of how many methods, pairs and families."""
    methods, pairs, families = ({getattr(cell, name) for cell in critics} for name in ("method", "pair", "family"))
    told = listed([f"`{name}`" for name in sorted(families)])
    return f"{number(len(critics), 'critic')} of {number(len(methods), 'method')} on {number(len(pairs), 'pair')} of {told}."


def trained(critics: Sequence[Cell]) -> str:
    """How long critics were trained, beside what their methods ask for."""
    shares = [cell.steps / full for cell in critics if (full := full_steps(cell.method, cell.law)) > 1]
    short = [share for share in shares if share < 1]
    parts = [
        *([f"{len(shares) - len(short)} with all steps of their method"] if len(shares) > len(short) else []),
        *([f"{len(short)} with a part of them ({percent(median(short))} in the median)"] if short else []),
        *([f"{len(critics) - len(shares)} without training"] if len(critics) > len(shares) else []),
    ]
    return f"Budgets: {listed(parts)}."


@cache
def full_steps(method: str, law: str) -> int:
    """The number of steps that a method has by default on pairs of a law: the published one, where there is any."""
    source = find_recipe(law).source
    is_picture = source is not None and source.kind in ("images", "generator")
    side = getattr(source, "size", None) or 32
    return _METHODS[method].settings((3, side, side) if is_picture else (2,)).steps


def shown(value: float, digits: int = 2) -> str:
    """Without a zero before the point, as in the other tables, and in three digits from 10 on."""
    size = abs(value := round(value, digits) + 0.0)  # + 0.0: no minus before a zero
    if size >= 10:
        return f"{value:,.0f}" if size >= 100 else f"{value:.1f}"
    return f"{value:.{digits}f}".replace("0.", ".", 1) if size < 1 else f"{value:.{digits}f}"


def signed(value: float) -> str:
    """As `shown`, with a plus before what is not below 0."""
    return f"{'' if round(value, 2) < 0 else '+'}{shown(value)}"


def percent(share: float) -> str:
    """A share in per cent, in two digits below 10 %, and never 100 % of what is not whole."""
    if 0.995 <= share < 1:
        return f"{min(100 * share, 99.9):.1f} %"
    return f"{100 * share:.0f} %" if share >= 0.0995 or share == 0 else f"{100 * share:.2g} %"


def number(count: int, noun: str) -> str:
    """One critic, two critics, in figures."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(parts: Sequence[str]) -> str:
    """A, b and c."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def either(parts: Sequence[str]) -> str:
    """A, b or c."""
    return " or ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def by_family(critics: Sequence[Cell]) -> dict[str, list[Cell]]:
    """Critics by the family of their pair, in alphabetical order."""
    return {
        name: [cell for cell in critics if cell.family == name] for name in sorted({cell.family for cell in critics})
    }


def rounded(value: Any) -> Any:
    """Plain values to six digits, so that a digest does not hang on the last one."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {str(name): rounded(part) for name, part in value.items()}  # pyright: ignore[reportUnknownVariableType]
    return [rounded(part) for part in value] if isinstance(value, list | tuple) else value  # pyright: ignore[reportUnknownVariableType]
