"""Cells of a results file trained again, for a quarter of their steps, and their curves beside the file's."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from typing import Any

from w1bench.client.api import load
from w1bench.errors import InputError
from w1bench.solvers import SOLVERS
from w1bench.solvers.protocol import Settings
from w1bench.trials.grid import processes
from w1bench.trials.results import Row
from w1bench.trials.row import looks_of
from w1bench.trials.trial import Trial, make_trial, run

SHARE = 0.1
TOLERANCE = 0.02  # of a cosine: other processors round otherwise, and training amplifies it
_METHODS = {method.tag: name for name, method in SOLVERS.items()}


@dataclass(frozen=True)
class Repeated:
    """A cell's cosines after the same steps, of the file and trained again; None where an answer was not finite."""

    method: str
    pair: str
    seed: int
    steps: tuple[int, ...]
    filed: tuple[float | None, ...]
    again: tuple[float | None, ...]

    @property
    def difference(self) -> float | None:
        """The largest of a cosine; None where only one of two is there."""
        both = list(zip(self.filed, self.again, strict=True))
        if any((a is None) != (b is None) for a, b in both):
            return None
        return max((abs(a - b) for a, b in both if a is not None and b is not None), default=0.0)

    @property
    def holds(self) -> bool:
        return self.difference is not None and self.difference <= TOLERANCE

    def document(self) -> dict[str, Any]:
        """As plain values."""
        return {**vars(self), "difference": self.difference, "holds": self.holds}

    def __str__(self) -> str:
        cell = f"{self.method} on {self.pair}, seed {self.seed}, to step {self.steps[-1]:,}"
        if self.difference == 0:
            return f"{cell}: the same cosines ({_told(self.again)})"
        return f"{cell}: cosines {_told(self.again)}, in the file {_told(self.filed)}" + (
            "" if self.holds else "; they differ"
        )


def repeat(rows: Sequence[Row], *, share: float = SHARE, seed: int = 0, workers: int | None = 0) -> Iterator[Repeated]:
    """A random `share` of the rows that have curves, at least one, each trained for a quarter of its steps with the settings that it names.

    `workers` as for `run_grid`. A method that does not train is computed whole.

    Raises:
        InputError: no row has a curve; a pair here is of another recipe.
        PairError: a pair is not here, and cannot be fetched.
    """
    able = [row for row in rows if row["metrics"] and row.get("curve") and row["method"] in _METHODS]
    if not able:
        raise InputError(
            "No row has a learning curve of a reference solver to compare with; give a file that a `w1bench trial` of today wrote."
        )
    drawn = random.Random(seed).sample(able, max(1, ceil(share * len(able))))
    cells = [(trial_of(row), row) for row in drawn]
    of_trial = {_key(trial): row for trial, row in cells}
    with processes(workers, len(cells)) as started:
        for trial, again in started(partial(_again, of_trial), [trial for trial, _ in cells]):
            filed = _points(of_trial[_key(trial)])
            yield Repeated(
                trial.method.tag,
                trial.pair.name,
                trial.seed,
                tuple(point["steps"] for point in filed),
                _cosines(filed),
                _cosines(again["curve"]),
            )


def trial_of(row: Row) -> Trial:
    """The trial that a row of a reference solver is the row of."""
    pair = load(row["pair"])
    if pair.manifest.recipe_sha256 != row["recipe_sha256"]:
        raise InputError(
            f"The row of {row['method']} is on a {row['pair']} of recipe {row['recipe_sha256'][:12]}..., and the pair here is of "
            f"{pair.manifest.recipe_sha256[:12]}...; build the pair of the file's release, or set W1BENCH_ARCHIVE to an archive that has it."
        )
    trial = make_trial(_METHODS[row["method"]], pair, seed=row["seed"], data=row["data"])
    settings = row["settings"] | {"betas": tuple(row["settings"]["betas"])}
    return replace(trial, pair=replace(pair), settings=Settings(**settings))


def _key(trial: Trial) -> str:
    return repr(sorted(trial.identity().items()))


def _points(row: Row) -> list[Mapping[str, Any]]:
    """A curve up to a quarter of the steps."""
    least = row["curve"][0]["steps"]
    return [point for point in row["curve"] if point["steps"] <= max(least, row["settings"]["steps"] // 4)]


def _again(rows: Mapping[str, Row], trial: Trial) -> Row:
    at = tuple(point["steps"] for point in _points(rows[_key(trial)]))
    fit, _ = run(trial, looks=looks_of(trial, at, stop=at[-1]))
    missing = [{"steps": steps, "metrics": {}} for steps in at[len(fit.curve) :]]
    return {"curve": [*fit.curve, *missing]}


def _cosines(points: Sequence[Mapping[str, Any]]) -> tuple[float | None, ...]:
    return tuple(point["metrics"].get("cos") for point in points)


def _told(cosines: Sequence[float | None]) -> str:
    return " ".join("none" if cosine is None else f"{cosine:.3f}" for cosine in cosines)
