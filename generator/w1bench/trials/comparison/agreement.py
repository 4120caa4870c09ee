"""Rows beside the figures published with the paper: the order of methods on each law, and by how much their cosines differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import Any

import numpy as np

from w1bench.errors import InputError
from w1bench.trials.results import ORDER, Row, metrics_of, published_figures, row_order

APART = 0.1  # of two published cosines: nearer ones are one run's luck


@dataclass(frozen=True)
class Agreement:
    """Cosines of methods on laws, ours and theirs; ours a mean over seeds at the longest budget that a method has there."""

    ours: Mapping[str, Mapping[str, float]]  # by law and method
    theirs: Mapping[str, Mapping[str, float]]

    @property
    def difference(self) -> dict[str, float]:
        """The mean of ours less theirs, by method."""
        return {method: fmean(apart) for method, apart in self._apart().items()}

    @property
    def distance(self) -> dict[str, float]:
        """The mean of the differences without their sign, by method."""
        return {method: fmean(map(abs, apart)) for method, apart in self._apart().items()}

    def _apart(self) -> dict[str, list[float]]:
        """Ours less theirs on each law, by method."""
        by_method: dict[str, list[float]] = {}
        for law, methods in self.ours.items():
            for method, cosine in methods.items():
                by_method.setdefault(method, []).append(cosine - self.theirs[law][method])
        return {method: by_method[method] for method in sorted(by_method, key=_place)}

    @property
    def inverted(self) -> tuple[list[tuple[str, str, str]], int]:
        """The laws with two methods, the better one as published first, that stand the other way round here; and how many were compared."""
        found: list[tuple[str, str, str]] = []
        compared = 0
        for law, methods in self.ours.items():
            theirs = self.theirs[law]
            for a, b in combinations(sorted(methods, key=lambda name: -theirs[name]), 2):
                if theirs[a] - theirs[b] > APART:
                    compared += 1
                    if methods[a] < methods[b]:
                        found.append((law, a, b))
        return found, compared

    def spearman(self, law: str | None = None) -> float | None:
        """Spearman's correlation of both orders on a law, or on the mean over all laws of the methods that have each; None of fewer than three methods."""
        laws = [law] if law else list(self.ours)
        methods = [name for name in self.ours[laws[0]] if all(name in self.ours[each] for each in laws)]
        if len(methods) < 3:
            return None
        ours, theirs = (
            [fmean(cosines[each][name] for each in laws) for name in methods] for cosines in (self.ours, self.theirs)
        )
        return rank_correlation(ours, theirs)

    def document(self) -> dict[str, Any]:
        """As plain values."""
        found, compared = self.inverted
        return {
            "laws": {law: {"methods": len(methods), "spearman": self.spearman(law)} for law, methods in self.ours.items()},
            "spearman_of_means": self.spearman(), "difference": self.difference, "distance": self.distance, "compared": compared,
            "inverted": [dict(zip(("law", "better_as_published", "better_here"), each, strict=True)) for each in found],
        }  # fmt: skip

    def __str__(self) -> str:
        found, compared = self.inverted
        lines = ["| law | methods | Spearman |", "|---|---:|---:|"]
        lines += [f"| {law} | {len(methods)} | {_shown(self.spearman(law))} |" for law, methods in self.ours.items()]
        lines += [
            f"| mean over all | | {_shown(self.spearman())} |",
            "",
            "| method | cos, ours less theirs | without the sign |",
            "|---|---:|---:|",
        ]
        distance = self.distance
        lines += [f"| {method} | {value:+.3f} | {distance[method]:.3f} |" for method, value in self.difference.items()]
        share = f" ({len(found) / compared:.1%})" if compared else ""
        lines += [
            "",
            f"Of {compared} pairs of methods that differ by more than {APART} as published, {len(found)} stand the other way round here{share}:",
        ]
        return "\n".join(lines + [f"- {law}: {a} before {b} as published" for law, a, b in found])


def agreement(rows: Iterable[Row]) -> Agreement:
    """Rows on published laws beside the published figures.

    Raises:
        InputError: no row is of a method on a law that has any.
    """
    published = published_figures()
    of_cell: dict[tuple[str, str], list[Row]] = {}
    for row in sorted(rows, key=row_order):
        if "cos" in published.get(row["law"], {}).get(row["method"], {}) and metrics_of(row).get("cos"):
            of_cell.setdefault((row["law"], row["method"]), []).append(row)
    if not of_cell:
        raise InputError(
            "No row is of a method and a pair's law that the paper has figures of; give results on hd-dD-nN-p8, D = 2, 16 or 128."
        )
    ours: dict[str, dict[str, float]] = {}
    for (law, method), found in of_cell.items():
        longest = max(row["steps"] for row in found)
        ours.setdefault(law, {})[method] = fmean(
            row["metrics"]["cos"]["value"] for row in found if row["steps"] == longest
        )
    theirs = {law: {method: published[law][method]["cos"] for method in methods} for law, methods in ours.items()}
    return Agreement(ours, theirs)


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's correlation of two figures of the same things; NaN where one does not vary."""
    with np.errstate(invalid="ignore"):
        return float(np.corrcoef(_ranks(first), _ranks(second))[0, 1])


def _ranks(values: Sequence[float]) -> list[float]:
    """From the least, equal ones sharing the mean of theirs."""
    ordered = sorted(values)
    return [ordered.index(value) + (ordered.count(value) - 1) / 2 for value in values]


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _place(method: str) -> int:
    return ORDER.index(method) if method in ORDER else len(ORDER)
