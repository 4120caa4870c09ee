"""Standings: methods by their skill over families of pairs.

A family's skill is the mean over its pairs, a method's the mean over families, with the worst of them beside it. Controls, which a trivial critic solves,
count in no mean. A method that has no figure on some pair that counts is listed apart, without a rank. Seeds are pooled; methods that differ by noise
alone share a rank.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from statistics import fmean
from typing import Any

import numpy as np

from w1bench.recipes.families import CONTROLS
from w1bench.scoring.baseline.baseline import CONTROL
from w1bench.scoring.intervals.seeds import Sample, are_tied
from w1bench.scoring.scorecard import Interval
from w1bench.trials.resamples import values_of
from w1bench.trials.results import Row, cell_of, metrics_of


@dataclass(frozen=True)
class Pairs:
    """The pairs that methods are compared on, by name with their families, and which of them are controls."""

    families: Mapping[str, str]
    controls: frozenset[str]

    @cached_property
    def counted(self) -> dict[str, list[str]]:
        """The pairs of each family that count, in the families' order."""
        names = sorted((family, pair) for pair, family in self.families.items() if pair not in self.controls)
        return {
            family: [pair for _, pair in of_family] for family, of_family in groupby(names, key=lambda name: name[0])
        }


@dataclass(frozen=True)
class Standing:
    """A method, its skill by pair, by family and over all, and its cosines on controls; `missing` are the pairs that it has no figure on.

    `seeds` is the least number of them on a pair, `diverged` counts trials.
    """

    method: str
    data: str
    seeds: int
    diverged: int
    pairs: Mapping[str, Sample]
    families: Mapping[str, Sample]
    controls: Mapping[str, Sample]
    missing: tuple[str, ...]
    rank: int | None = None
    tied: bool = False

    @cached_property
    def skill(self) -> Sample | None:
        """The mean over families; None where there is none."""
        return averaged(list(self.families.values())) if self.families else None

    @property
    def worst(self) -> tuple[str, float] | None:
        """The family with the least skill."""
        values = {family: sample.value for family, sample in self.families.items()}
        return min(values.items(), key=lambda item: item[1]) if values else None

    @property
    def control(self) -> float | None:
        """The least cosine on a control."""
        return min((sample.value for sample in self.controls.values()), default=None)


def pairs_in(rows: Iterable[Row], only: Mapping[str, str] | None = None) -> Pairs:
    """The pairs of rows with their families, or `only` these."""
    rows = list(rows)
    families = {row["pair"]: row["family"] for row in rows if "family" in row} if only is None else dict(only)
    trivial = {row["pair"]: row["trivial"] for row in rows if row.get("trivial")}
    controls = (
        pair
        for pair, family in families.items()
        if family in CONTROLS or max(trivial.get(pair, {"": 0.0}).values()) >= CONTROL
    )
    return Pairs(families, frozenset(controls))


def standings(rows: Iterable[Row], pairs: Pairs) -> list[Standing]:
    """The methods of rows by their skill over families, the best first; those that lack pairs last.

    Rows of metric version 1, which have no skill, do not count; of a method's budgets the longest does.
    """
    known = [
        row for row in rows if row["pair"] in pairs.families and (row["metrics"] is None or "skill" in row["metrics"])
    ]
    found = [
        _standing(list(of_method), pairs) for _, of_method in groupby(sorted(known, key=_method_of), key=_method_of)
    ]
    return _ranked(found, pairs.families.keys() - pairs.controls)


def averaged(samples: Sequence[Sample]) -> Sample:
    """The mean of figures of pairs that share nothing but the method and its seeds, so that their errors are independent."""
    if len(samples) == 1:
        return samples[0]
    seeds = range(min(len(sample.intervals) for sample in samples))
    resampled = [[sample.resampled[seed] for sample in samples] for seed in seeds]
    return Sample(
        [_mean([sample.intervals[seed] for sample in samples]) for seed in seeds],
        [np.mean(kept, axis=0) if len(kept := [v for v in values if v is not None]) == len(values) else None for values in resampled],
    )  # fmt: skip


def _method_of(row: Row) -> tuple[Any, ...]:
    """What a line is of, in the order of lines that share a figure."""
    place, method, *_ = cell_of(row)
    return place, method, row["data"]


def _mean(intervals: Sequence[Interval]) -> Interval:
    value = fmean(interval.value for interval in intervals)
    halves = [(i.high - i.low) / 2 for i in intervals if i.low is not None and i.high is not None]
    if len(halves) < len(intervals):
        return Interval(value=value, low=None, high=None)
    half = float(np.linalg.norm(halves)) / len(halves)
    return Interval(value=value, low=value - half, high=value + half)


def _standing(rows: Sequence[Row], pairs: Pairs) -> Standing:
    """A method's; `rows` are its own on all pairs."""
    by_pair: dict[str, list[Row]] = {}
    for pair in pairs.families:
        cells = [list(cell) for _, cell in groupby((r for r in rows if r["pair"] == pair), key=cell_of)]
        if cells:
            longest = max(cells, key=lambda cell: cell[0]["settings"]["steps"] or cell[0]["steps"])
            by_pair[pair] = sorted(longest, key=lambda row: row["seed"])
    metric = {pair: "cos" if pair in pairs.controls else "skill" for pair in pairs.families}
    samples = {
        pair: sample for pair, of_pair in by_pair.items() if (sample := _sample(of_pair, metric[pair])) is not None
    }
    families = {
        family: averaged(found)
        for family, names in pairs.counted.items()
        if (found := [samples[name] for name in names if name in samples])
    }
    return Standing(
        method=rows[0]["method"], data=rows[0]["data"],
        seeds=min((len(sample.intervals) for sample in samples.values()), default=0),
        diverged=sum(row["metrics"] is None for of_pair in by_pair.values() for row in of_pair),
        pairs={pair: sample for pair, sample in samples.items() if pair not in pairs.controls}, families=families,
        controls={pair: sample for pair, sample in samples.items() if pair in pairs.controls},
        missing=tuple(pair for pair in pairs.families if pair not in samples),
    )  # fmt: skip


def _sample(rows: Sequence[Row], metric: str) -> Sample | None:
    """A metric of the seeds that did not diverge; None where all did."""
    finished = [row for row in rows if metrics_of(row).get(metric)]
    if not finished:
        return None
    kept = [row["resamples"][metric] if row.get("resamples") else None for row in finished]
    return Sample(
        [Interval.model_validate(row["metrics"][metric]) for row in finished],
        [None if values is None else values_of(values) for values in kept],
    )


def _ranked(found: Iterable[Standing], counted: Set[str]) -> list[Standing]:
    """Each has one more than the number above its group, whose others differ from its best by noise alone."""
    groups: list[list[Standing]] = []
    whole, apart = list[Standing](), list[Standing]()
    for standing in sorted(found, key=lambda each: -each.skill.value if each.skill else np.inf):
        (whole if set(standing.pairs) == counted and standing.skill else apart).append(standing)
    for standing in whole:
        best = groups[-1][0].skill if groups else None
        if best is not None and standing.skill is not None and are_tied(best, standing.skill):
            groups[-1].append(standing)
        else:
            groups.append([standing])
    ranked: list[Standing] = []
    for group in groups:
        rank = len(ranked) + 1
        ranked += [replace(standing, rank=rank, tied=len(group) > 1) for standing in group]
    return ranked + apart
