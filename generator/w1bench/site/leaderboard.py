"""The leaderboard of an export: rows of results in their order on each pair, the best cosine first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from w1bench.errors import InputError
from w1bench.scoring import metrics
from w1bench.scoring.metrics import HEADLINE, METRICS
from w1bench.scoring.scorecard import Interval
from w1bench.storage.canonical import first_fault
from w1bench.trials import results

_COLUMNS = ("pair", "method", "seed", "steps", "seconds", "outcome", "recipe_sha256")


class TrialRow(BaseModel):
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
class BoardRow:
    """A trial on its pair's board; it has no rank without a cosine."""

    rank: int | None
    trial: TrialRow

    def document(self) -> dict[str, Any]:
        return {"rank": self.rank, **self.trial.model_dump()}

    def interval(self, metric: str) -> Interval | None:
        return (self.trial.metrics or {}).get(metric)


def read_trials(paths: Iterable[Path]) -> list[TrialRow]:
    """The trials in results files, or in those of a folder.

    Raises:
        InputError: a file cannot be read, or holds something else; or a folder has none.
    """
    files = [file for path in paths for file in (_in_folder(path) if path.is_dir() else [path])]
    return [_trial(row) for row in results.read_all(files)]


def rank(trials: Iterable[TrialRow]) -> dict[str, list[BoardRow]]:
    """The boards by pair, best first; equal ones share a rank, and trials without a cosine come last."""
    boards: dict[str, list[TrialRow]] = {}
    for trial in trials:
        boards.setdefault(trial.pair, []).append(trial)
    return {pair: _ranked(boards[pair]) for pair in sorted(boards)}


def as_csv(boards: Mapping[str, list[BoardRow]]) -> str:
    """Comma-separated values: a line a trial, with every metric and its interval."""
    rows = (
        [row.rank, *(getattr(row.trial, column) for column in _COLUMNS), *metrics.cells(row.trial.metrics or {})]
        for board in boards.values()
        for row in board
    )
    return metrics.as_csv(["rank", *_COLUMNS, *metrics.COLUMNS], rows)


def _in_folder(path: Path) -> list[Path]:
    files = sorted(path.glob("*.json"))
    if not files:
        raise InputError(
            f"Folder {path} holds no results (*.json); give one that does, or a file that `w1bench trial` wrote."
        )
    return files


def _trial(row: results.Row) -> TrialRow:
    try:
        return TrialRow.model_validate(row)
    except ValidationError as error:
        raise InputError(
            f"A row of the results is not a trial ({first_fault(error, 'the row')}); give files that `w1bench trial` wrote."
        ) from None


def _ranked(trials: Iterable[TrialRow]) -> list[BoardRow]:
    ordered = sorted(trials, key=lambda trial: (_badness(trial), trial.method, trial.seed))
    values = [_badness(trial) for trial in ordered]
    # 1 + how many are strictly better: equal ones share a rank
    return [BoardRow(values.index(v) + 1 if v < inf else None, t) for v, t in zip(values, ordered, strict=True)]


def _badness(trial: TrialRow) -> float:
    return METRICS[HEADLINE].badness((trial.metrics or {}).get(HEADLINE), None)
