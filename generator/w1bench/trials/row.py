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
from w1bench.solvers.protocol import Fit
from w1bench.trials.resamples import packed
from w1bench.trials.results import published_name, with_findings
from w1bench.trials.trial import SAVE_EVERY, Trial, run


def row(
    trial: Trial, *, device: str = "cpu", checkpoint: Path | None = None, save_every: float = SAVE_EVERY
) -> dict[str, Any]:
    """Train and score: what was run, how it ended, its metrics with their intervals and resamples, its findings; these are None where it diverged."""
    fit, arrays = run(trial, device=device, checkpoint=checkpoint, save_every=save_every)
    about = {
        "law": published_name(trial.pair.manifest), "family": trial.pair.manifest.family, "w1": trial.pair.w1, "data_note": trial.data_note, **fit_summary(fit),
        "machine": _machine(device),
        "software": {name: version(name) for name in ("w1bench", "torch", "numpy")} | {"python": platform.python_version()},
    }  # fmt: skip
    if arrays is None:
        return trial.identity() | about | {"metrics": None}
    scored = score_with_resamples(trial.pair, **arrays)
    card = scored.card.model_dump(mode="json")
    of_card = ("points", "metric_version", "metrics", "missing", "diagnosis", "trivial", "excess")
    found = trial.identity() | about | {name: card[name] for name in of_card} | {"resamples": packed(scored)}
    return with_findings(found, read_record(trial.pair.folder, trial.pair.manifest.digest()))


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
    del summary["dual_values"]
    if not math.isfinite(fit.dual_value):
        summary["dual_value"] = None  # JSON has no word for it
    return summary
