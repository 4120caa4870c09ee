"""Trial: a reference solver on a pair, from training to a submission file with its sidecar, or to a row of results."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from w1bench import submission
from w1bench.errors import InputError
from w1bench.opened import OpenedPair, score
from w1bench.samplers import ahead
from w1bench.solvers import SOLVERS, ReferenceSolver
from w1bench.solvers.protocol import Fit, HasPotential, Method, Outcome, Settings

Data = Literal["fresh", "train"]

SAVE_EVERY = 60.0  # seconds between checkpoints


@dataclass(frozen=True)
class Trial:
    """A method on a pair from a seed; `data` says what it learns from, and `data_note` why not from fresh draws."""

    method: Method
    pair: OpenedPair
    settings: Settings
    seed: int
    data: Data
    data_note: str | None = None

    def identity(self) -> dict[str, Any]:
        """What a row's figures are figures of, as plain values."""
        return {
            "method": self.method.tag, "pair": self.pair.name, "pair_digest": self.pair.manifest.digest(),
            "recipe_sha256": self.pair.manifest.recipe_sha256, "seed": self.seed, "data": self.data,
            "settings": asdict(self.settings) | {"betas": list(self.settings.betas)},
        }  # fmt: skip


def make_trial(
    method: str, pair: OpenedPair, *, steps: int | None = None, at_most: int | None = None, seed: int = 0,
    data: Data | None = None,
) -> Trial:  # fmt: skip
    """A trial by the published protocol, for `steps` steps instead, or for `at_most` so many.

    Without `data` it learns from fresh draws, or from train.h5 where the pair is sealed or cannot be drawn from here.

    Raises:
        InputError: there is no such method; or fresh draws were asked for, and the pair cannot be drawn from here.
    """
    chosen = _method(method)
    settings = chosen.settings(pair.shape).override(steps=steps)
    if at_most is not None:
        settings = settings.override(steps=min(at_most, settings.steps))
    return Trial(chosen, pair, settings, seed, *_data(pair, data))


def solve(
    method: str, pair: OpenedPair, out: Path, *, steps: int | None = None, seed: int = 0, device: str = "cpu",
    data: Data | None = None, progress: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Train `method` on draws of `pair`, write a submission to `out` and a sidecar beside it; returns the sidecar.

    The solver sees two samplers, of fresh draws or of train.h5 (see `make_trial`); the test points are read after its
    training has ended.

    Raises:
        InputError: as `make_trial`; or there is no such device, or `out` is no .h5 file's name.
    """
    trial = make_trial(method, pair, steps=steps, seed=seed, data=data)
    if out.suffix != ".h5" or out.is_dir():
        raise InputError(
            f"The submission came as {out}; give --out the name of a file that ends in .h5 (its sidecar ends in .json)."
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    checkpoint = out.with_name(f".{out.name}.checkpoint")
    # `disable=None` draws no bar without a terminal.
    with tqdm(total=trial.settings.steps, unit="step", leave=False, disable=None if progress else True) as bar:
        fit, arrays = run(trial, device=device, checkpoint=checkpoint, report=lambda step, _: _advance(bar, step))
    if arrays is not None:
        partial = out.with_name(f".{out.name}.part")
        submission.write(partial, submission.from_arrays(pair.manifest, arrays))
        partial.replace(out)
    else:
        out.unlink(missing_ok=True)  # of an earlier training, which the sidecar would not be about
    sidecar = {
        **trial.identity(), "device": device, "data_note": trial.data_note, **_plain(fit),
        "submission": None if arrays is None else out.name,
    }  # fmt: skip
    out.with_suffix(".json").write_text(json.dumps(sidecar, indent=1) + "\n", encoding="utf-8")
    checkpoint.unlink(missing_ok=True)
    return sidecar


def row(
    trial: Trial, *, device: str = "cpu", checkpoint: Path | None = None, save_every: float = SAVE_EVERY
) -> dict[str, Any]:
    """Train and score: what was run, how it ended, its metrics with their intervals; these are None where it diverged."""
    fit, arrays = run(trial, device=device, checkpoint=checkpoint, save_every=save_every)
    about = {
        "law": law(trial.pair), "w1": trial.pair.w1, "data_note": trial.data_note, **_plain(fit),
        "machine": _machine(device),
        "software": {name: version(name) for name in ("w1bench", "torch", "numpy")} | {"python": platform.python_version()},
    }  # fmt: skip
    if arrays is None:
        return trial.identity() | about | {"metrics": None}
    card = score(trial.pair, **arrays).model_dump(mode="json")
    kept = ("points", "metric_version", "metrics", "missing", "diagnosis")
    return trial.identity() | about | {name: card[name] for name in kept}


def run(
    trial: Trial, *, device: str = "cpu", checkpoint: Path | None = None, save_every: float = SAVE_EVERY,
    report: Callable[[int, float], None] | None = None,
) -> tuple[Fit, dict[str, NDArray[Any]] | None]:  # fmt: skip
    """Train; returns how it ended and the answers at the pair's points, None where a figure is not finite any more."""
    on, pair = _device(device), trial.pair
    draw = pair.sampler if trial.data == "fresh" else pair.train_samplers
    inputs, targets = draw(trial.settings.batch, device=on, seed=trial.seed)
    solver = ReferenceSolver(
        trial.method, pair.shape, trial.settings, seed=trial.seed, device=on, checkpoint=checkpoint,
        save_every=save_every, data=f"{pair.manifest.digest()} {trial.data}", report=report,
    )  # fmt: skip
    with ahead(inputs, targets) as drawn:
        fit = solver.fit(*drawn)
    if fit.outcome is Outcome.DIVERGED:
        return fit, None
    found = answers(solver, pair)
    if not all(np.isfinite(array).all() for array in found.values()):
        return replace(fit, outcome=Outcome.DIVERGED), None
    return fit, found


def answers(solver: ReferenceSolver, pair: OpenedPair) -> dict[str, NDArray[Any]]:
    """What a solver says at a pair's test and probe points: the arrays of a submission that it has."""
    x, y, z = (torch.from_numpy(rows[:]) for rows in (pair.test.input, pair.test.target, pair.probe.interpolate))
    found = {"gradient": solver.gradient(x), "transported": solver.transport(x)}
    if isinstance(solver.learner, HasPotential):  # which has answers anywhere
        found |= {
            "input_potential": solver.potential(x),
            "target_potential": solver.potential(y),
            "probe_gradient": solver.gradient(z),
        }
    return {name: tensor.numpy() for name, tensor in found.items() if tensor is not None}


def law(pair: OpenedPair) -> str:
    """The published pairs' name for this one's law, whatever its funnels' seed: hd-dD-nN-pP for uniform targets; else its own."""
    manifest = pair.manifest
    if manifest.law().source.kind != "uniform" or manifest.funnels is None or manifest.dominated_funnels is None:
        return pair.name
    return f"hd-d{manifest.dim}-n{manifest.funnels + manifest.dominated_funnels}-p{manifest.power:g}"


def _data(pair: OpenedPair, asked: Data | None) -> tuple[Data, str | None]:
    """What a solver learns from, and why it is not fresh draws where these were not refused by the user."""
    if asked == "train":
        return "train", None
    if pair.undrawable is None:
        return "fresh", None
    if asked == "fresh":
        raise InputError(f"Fresh draws were asked for, but {pair.undrawable}; give --data train.")
    return "train", f"train.h5 is learned from, because {pair.undrawable}"


def _advance(bar: Any, step: int) -> None:
    bar.update(step - bar.n)


def _method(name: str) -> Method:
    try:
        return SOLVERS[name.lower()]
    except KeyError:
        raise InputError(f"There is no method {name!r}; there are: {', '.join(SOLVERS)}.") from None


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"Device {name!r} cannot be used ({str(error).splitlines()[0]}); give cpu or cuda.") from None
    return device


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


def _plain(fit: Fit) -> dict[str, Any]:
    summary = dict(fit.summary())
    del summary["dual_values"]
    if not math.isfinite(fit.dual_value):
        summary["dual_value"] = None  # JSON has no word for it
    return summary
