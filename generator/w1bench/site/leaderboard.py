"""The boards of an export that come from files of results: trials as rows, the best cosine first."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import inf
from pathlib import Path
from statistics import fmean
from typing import Any

from pydantic import BaseModel, ConfigDict

from w1bench.archive.manifest import Manifest
from w1bench.errors import InputError
from w1bench.recipes.families import CONTROLS
from w1bench.scoring.baseline.baseline import CONTROL
from w1bench.scoring.intervals.seeds import Sample, combined
from w1bench.scoring.metrics import HEADLINE, METRICS
from w1bench.scoring.scorecard import Diagnosis, Interval, Scorecard
from w1bench.site.board.content import Content, Receipt
from w1bench.site.board.rows import Row, with_skill
from w1bench.trials import results
from w1bench.trials.results import OF_FUNNELS, UNTRAINED, published_figures, published_name

_USER = "trials"


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
    data: str
    metrics: dict[str, Interval | None] | None
    missing: dict[str, str] = {}
    diagnosis: Diagnosis | None = None
    trivial: dict[str, float] | None = None
    points: int = 0
    curve: list[dict[str, Any]] = []
    metric_version: int = 1

    @property
    def name(self) -> str:
        """The name of its method on a board, e.g. `LP`."""
        return results.board_name(self.method, self.data)


def read_trials(paths: Iterable[Path]) -> list[TrialRow]:
    """The longest trials of each method in results files, or in those of a folder.

    Raises:
        InputError: a file cannot be read, or holds something else; or a folder has none.
    """
    files = [file for path in paths for file in (_in_folder(path) if path.is_dir() else [path])]
    return [_trial(row) for row in results.longest(results.read_all(files))]


def content_of(trials: Iterable[TrialRow], manifests: Mapping[str, Manifest]) -> tuple[Content, list[Receipt]]:
    """The boards of trials, whose seeds are one row, and the receipt of each row."""
    methods: dict[str, dict[str, list[TrialRow]]] = {}
    for trial in trials:
        methods.setdefault(trial.pair, {}).setdefault(trial.name, []).append(trial)
    boards: dict[str, list[Row]] = {}
    receipts: list[Receipt] = []
    trivial = {t.pair: t.trivial for seeds in methods.values() for of in seeds.values() for t in of if t.trivial}
    for pair, of_pair in methods.items():
        is_control = manifests[pair].family in CONTROLS or max(trivial.get(pair, {}).values(), default=0) >= CONTROL
        published = published_figures().get(published_name(manifests[pair]), {})
        rows = [
            _row(seeds, manifests[pair], is_control, trivial.get(pair) or {}, published.get(seeds[0].method, {}))
            for seeds in of_pair.values()
        ]
        boards[pair] = _ranked(rows)
        cards = {_identity(seeds): _card(seeds[-1], manifests[pair]) for seeds in of_pair.values()}
        receipts += [Receipt(row, cards[row.id], _document(row, cards[row.id])) for row in boards[pair]]
    return Content(manifests, boards, (), trivial), receipts


def _in_folder(path: Path) -> list[Path]:
    files = sorted(path.glob("*.json"))
    if not files:
        raise InputError(
            f"Folder {path} holds no results (*.json); give one that does, or a file that `w1bench trial` wrote."
        )
    return files


def _trial(row: results.Row) -> TrialRow:
    return TrialRow.model_validate(
        {name: value for name, value in row.items() if value is not None or name == "metrics"}
    )


def _row(
    seeds: list[TrialRow],
    manifest: Manifest,
    is_control: bool,
    trivial: Mapping[str, float],
    published: Mapping[str, float],
) -> Row:
    first = seeds[0]
    scored = [trial.metrics for trial in seeds if trial.metrics]
    said = {
        "steps": first.steps, "data": first.data, "seconds": fmean(trial.seconds for trial in seeds), "trains": first.method not in UNTRAINED,
        "knows_family": manifest.family == "funnel" and first.method in OF_FUNNELS,
    }  # fmt: skip
    if told := results.curve(first.model_dump()):
        said["curve"] = told
    if len(scored) < len(seeds):
        said["description"] = f"{', '.join(sorted({t.outcome for t in seeds if not t.metrics}))}: no gradient"
    return Row(
        pair=first.pair, method=first.name, user=_USER, id=_identity(seeds), family=manifest.family, dim=manifest.dim, rank=None,
        metrics=with_skill({name: _combined(name, scored) for name in METRICS} if scored else {}, trivial), tries=len(seeds), seeds=len(scored) or 1, control=is_control,
        track="sealed" if manifest.sealed else "open", w1=manifest.w1, metadata=said, published=published,
    )  # fmt: skip


def _combined(name: str, scored: list[dict[str, Interval | None]]) -> Interval | None:
    """The mean over seeds, where all have the metric."""
    intervals = [interval for of in scored if (interval := of.get(name)) is not None]
    if len(intervals) < len(scored) or len(intervals) == 1:
        return intervals[0] if len(intervals) == len(scored) else None
    return combined(Sample(intervals, [None] * len(intervals)), bounds=METRICS[name].bounds)


def _ranked(rows: list[Row]) -> list[Row]:
    """1 + how many are strictly better: equal ones share a rank, and rows without a cosine have none and come last."""
    badness = {row.id: METRICS[HEADLINE].badness(row.metrics.get(HEADLINE), None) for row in rows}
    ordered = sorted(rows, key=lambda row: (badness[row.id], row.method))
    values = [badness[row.id] for row in ordered]
    return [
        row if value == inf else replace(row, rank=values.index(value) + 1, tied=values.count(value) > 1)
        for value, row in zip(values, ordered, strict=True)
    ]


def _identity(seeds: list[TrialRow]) -> str:
    text = "\n".join(f"{trial.pair} {trial.name} {trial.recipe_sha256}" for trial in seeds[:1])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _card(trial: TrialRow, manifest: Manifest) -> Scorecard:
    return Scorecard(
        pair=trial.pair, pair_version=manifest.version, pair_digest=manifest.digest(), metric_version=trial.metric_version, points=trial.points, w1=manifest.w1,
        w1_stderr=manifest.w1_stderr, metrics=trial.metrics or {}, missing=trial.missing, diagnosis=trial.diagnosis, trivial=trial.trivial,
    )  # fmt: skip


def _document(row: Row, card: Scorecard) -> dict[str, Any]:
    return {
        "id": row.id, "url": f"/submissions/{row.id}.html", "pair": row.pair, "pair_digest": card.pair_digest, "method": row.method, "user": row.user,
        "submitted_at": row.submitted_at, "scorecard": card.model_dump(mode="json"), "earlier_scorecards": [], "reference": False,
        "metadata": dict(row.metadata), "retraction": None,
    }  # fmt: skip
