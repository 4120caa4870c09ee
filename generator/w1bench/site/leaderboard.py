"""Standings: rows of results in their order on each pair, the best cosine first."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from w1bench.errors import InputError
from w1bench.scoring.metrics import BOUNDS, HEADLINE, METRICS
from w1bench.scoring.scorecard import Interval
from w1bench.storage.canonical import fault
from w1bench.trials import results

_COLUMNS = ("pair", "method", "seed", "steps", "seconds", "outcome", "recipe_sha256")


class Trial(BaseModel):
    """A method trained once on a pair, and its figures; what did not end in a gradient has none."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    method: str
    pair: str
    recipe_sha256: str
    seed: int
    steps: int
    seconds: float
    outcome: str
    metrics: dict[str, Interval | None] | None


@dataclass(frozen=True)
class Standing:
    """A trial on its pair's board; it has no rank without a cosine."""

    rank: int | None
    trial: Trial

    def document(self) -> dict[str, Any]:
        return {"rank": self.rank, **self.trial.model_dump()}

    def interval(self, metric: str) -> Interval | None:
        return (self.trial.metrics or {}).get(metric)


def read_trials(paths: Iterable[Path]) -> list[Trial]:
    """The trials in results files, or in those of a folder.

    Raises:
        InputError: a file cannot be read, or holds something else; or a folder has none.
    """
    files = [file for path in paths for file in (_in_folder(path) if path.is_dir() else [path])]
    return [_trial(row) for row in results.read_all(files)]


def standings(trials: Iterable[Trial]) -> dict[str, list[Standing]]:
    """The boards by pair, best first; equal ones share a rank, and trials without a cosine come last."""
    boards: dict[str, list[Trial]] = {}
    for trial in trials:
        boards.setdefault(trial.pair, []).append(trial)
    return {pair: _ranked(boards[pair]) for pair in sorted(boards)}


def sheet(boards: Mapping[str, list[Standing]]) -> str:
    """Comma-separated values: one line a trial below one line of names; an absent figure is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["rank", *_COLUMNS, *(metric + suffix for metric in METRICS for suffix in BOUNDS)])
    for standing in (standing for board in boards.values() for standing in board):
        intervals = [standing.interval(metric) for metric in METRICS]
        figures = [getattr(i, bound) if i else None for i in intervals for bound in BOUNDS.values()]
        writer.writerow([standing.rank, *(getattr(standing.trial, column) for column in _COLUMNS), *figures])
    return text.getvalue()


def _in_folder(path: Path) -> list[Path]:
    files = sorted(path.glob("*.json"))
    if not files:
        raise InputError(
            f"Folder {path} holds no results (*.json); give one that does, or a file that `w1bench trial` wrote."
        )
    return files


def _trial(row: results.Row) -> Trial:
    try:
        return Trial.model_validate(row)
    except ValidationError as error:
        raise InputError(
            f"A row of the results is no trial's ({fault(error, 'the row')}); give files that `w1bench trial` wrote."
        ) from None


def _ranked(trials: Iterable[Trial]) -> list[Standing]:
    ordered = sorted(trials, key=lambda trial: (_badness(trial), trial.method, trial.seed))
    values = [_badness(trial) for trial in ordered]
    # 1 + how many are strictly better: equal ones share a rank
    return [Standing(values.index(v) + 1 if v < inf else None, t) for v, t in zip(values, ordered, strict=True)]


def _badness(trial: Trial) -> float:
    interval = (trial.metrics or {}).get(HEADLINE)
    return inf if interval is None else -interval.value
