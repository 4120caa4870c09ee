"""Gradients: what trivial critics, pooled cosines and progress say of the committed results of all reference methods on one pair of each family."""

from __future__ import annotations

from collections import Counter
from math import isnan, nan
from pathlib import Path
from statistics import fmean

import numpy as np
from report import parse, publish, table
from scipy.stats import spearmanr

from w1bench.trials import results
from w1bench.trials.comparison.cells import Cell, cells
from w1bench.trials.results import with_findings

RESULTS = Path(__file__).resolve().parents[2] / "datasets" / "results" / "core.json"
TRIVIAL = ("radial", "shift")
_PAIRS = """\
Of each pair in `datasets/results/core.json`, each figure a mean over three seeds: the cosine of the best trivial critic (a control is solved by it); of how many of the 23 other methods the cosine is below it; the best of these, and of
LP (500 steps at most) the cosine point by point, the largest of those of mean gradients over 8, 64 and 512 groups, and the progress of a step of W1 / 4: how much of what the true gradient gains
towards the true partners (-: the truth's own step removes too little there to be relative to)."""
_RANKS = """\
Rank correlations over those methods, on each pair: of progress with the cosine point by point and with that over 64 groups; the share of methods whose cosine is below .5, and the share of *these* whose
progress is above a half."""
_FINDINGS = """\
How often each finding is made of these rows, by their figures alone (rows hold no probe gradients, and the pairs' batch curves are not used here)."""


def main() -> None:
    run = parse("gradients", __doc__)
    rows = [row for row in results.read(RESULTS) if row["metrics"]]
    methods = cells(rows)
    names = sorted({cell.pair for cell in methods})
    counts = Counter(finding["code"] for row in rows for finding in with_findings(row)["findings"])
    none = sum(not with_findings(row)["findings"] for row in rows)
    sections = [
        _PAIRS,
        table(
            ("pair", "best trivial", "below it", "best method", "its cos", "LP", "pooled", "progress"),
            [_pair(name, methods) for name in names],
        ),
        _RANKS,
        table(
            ("pair", "progress, cos", "progress, pooled", "cos < .5", "of these progress > .5"),
            [_ranks(name, methods) for name in names],
        ),
        _FINDINGS,
        table(("finding", "rows"), [*counts.most_common(), ("none", none), ("rows in all", len(rows))]),
    ]
    publish(run, "Gradients", sections, packages=("w1bench", "numpy", "scipy"))


def _pair(name: str, found: list[Cell]) -> tuple[object, ...]:
    methods = _methods(name, found)
    trivial = fmean(max(row["trivial"].values()) for row in methods[0].rows)
    best = max(methods, key=lambda cell: cell.cos)
    lp = next(cell for cell in methods if cell.method == "LP")
    pooled = max(_mean(lp, f"pooled_{count}") for count in (8, 64, 512))
    below = sum(cell.cos < trivial for cell in methods)
    figures = (best.cos, lp.cos, pooled, _mean(lp, "progress_quarter"))
    return (name, f"{trivial:.3f}", f"{below} of {len(methods)}", best.method, *map(_text, figures))


def _ranks(name: str, found: list[Cell]) -> tuple[object, ...]:
    methods = _methods(name, found)
    cos, pooled, progress = (
        np.array([_mean(cell, metric) for cell in methods]) for metric in ("cos", "pooled_64", "progress_quarter")
    )
    wrong = cos < 0.5
    helps = "-" if np.isnan(progress).any() else f"{(progress[wrong] > 0.5).sum()} of {wrong.sum()}"
    return (
        name,
        *(_text(spearmanr(progress, other).statistic, 2) for other in (cos, pooled)),
        f"{wrong.sum()} of {len(methods)}",
        helps,
    )


def _methods(name: str, found: list[Cell]) -> list[Cell]:
    return [cell for cell in found if cell.pair == name and cell.method not in TRIVIAL]


def _mean(cell: Cell, metric: str) -> float:
    """A metric's mean over seeds, not a number where a seed has none."""
    values = [row["metrics"][metric] for row in cell.rows]
    return nan if None in values else fmean(value["value"] for value in values)


def _text(value: float, digits: int = 3) -> str:
    return "-" if isnan(value) else f"{value:.{digits}f}"


if __name__ == "__main__":
    main()
