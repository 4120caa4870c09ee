"""A row of results: a trial that was run and scored, as plain values."""

import math
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from w1bench.client.api import score_with_resamples
from w1bench.diagnostics.record import read_record
from w1bench.scoring.score import Scored
from w1bench.solvers.protocol import Fit
from w1bench.trials.resamples import packed
from w1bench.trials.results import published_name, with_findings
from w1bench.trials.trial import SAVE_EVERY, Looks, Trial, run

SEEN = ("cos", "skill", "l2", "w1_estimate")  # what a point of a curve has


def row(
    trial: Trial, *, device: str = "cpu", checkpoint: Path | None = None, save_every: float = SAVE_EVERY
) -> dict[str, Any]:
    """Train and score: what was run, how it ended, its metrics with their intervals and resamples, its findings, and a curve of how it got there.

    Metrics, findings and curve's last point are not there where it diverged.
    """
    looks = looks_of(trial, looks_at(trial.settings.steps) if trial.settings.steps else ())
    fit, arrays = run(trial, device=device, checkpoint=checkpoint, save_every=save_every, looks=looks)
    about = {
        "law": published_name(trial.pair.manifest), "family": trial.pair.manifest.family, "w1": trial.pair.w1, "data_note": trial.data_note, **fit_summary(fit),
        "machine": _machine(device),
        "software": {name: version(name) for name in ("w1bench", "torch", "numpy")} | {"python": platform.python_version()},
    }  # fmt: skip
    if arrays is None:
        return trial.identity() | about | {"metrics": None, "curve": list(fit.curve)}
    scored = score_with_resamples(trial.pair, **arrays)
    card = scored.card.model_dump(mode="json")
    of_card = ("points", "metric_version", "metrics", "missing", "diagnosis", "trivial", "excess")
    last = {"steps": fit.steps, "seconds": fit.seconds, "dual_value": about["dual_value"], "metrics": _seen(scored)}
    found = (
        trial.identity()
        | about
        | {name: card[name] for name in of_card}
        | {"curve": [*fit.curve, last], "resamples": packed(scored)}
    )
    return with_findings(found, read_record(trial.pair.folder, trial.pair.manifest.digest()))


def looks_at(steps: int) -> tuple[int, ...]:
    """The steps of a curve's points but the last: 1/64, 1/16 and 1/4 of all."""
    return tuple(sorted({steps // part for part in (64, 16, 4)} - {0}))


def looks_of(trial: Trial, at: tuple[int, ...], stop: int | None = None) -> Looks:
    """Looks of a trial after steps `at`: a few metrics by name, without their intervals."""
    return Looks(at, lambda arrays: _seen(score_with_resamples(trial.pair, **arrays)), stop)


def _seen(scored: Scored) -> dict[str, float | None]:
    found = scored.card.metrics
    return {name: interval.value if (interval := found.get(name)) else None for name in SEEN}


def _machine(device: str) -> dict[str, Any]:
    """What the seconds of a row depend on."""
    if device != "cpu":
        return {"processor": torch.cuda.get_device_name(device), "threads": torch.get_num_threads()}
    return {"processor": _processor(), "threads": torch.get_num_threads(), "processors": os.cpu_count()}


def _processor() -> str:
    """As Linux names it, or as Python does elsewhere."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), platform.processor() or platform.machine())


def fit_summary(fit: Fit) -> dict[str, Any]:
    summary = dict(fit.summary())
    del summary["dual_values"], summary["curve"]
    if not math.isfinite(fit.dual_value):
        summary["dual_value"] = None  # JSON has no word for it
    return summary
