"""The one training loop: budget, progress, checkpoints, and divergence as an outcome."""

import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from w1bench.solvers.protocol import Fit, Learner, Outcome, Sampler

REPORT_EVERY = 50  # steps between looks at the dual value, each of which waits for the device
_AVERAGED = 10  # reports that the final dual value is averaged over


@dataclass(frozen=True)
class Budget:
    """What a training may take, and where it saves itself (every `save_every` seconds, to be resumed from)."""

    steps: int
    checkpoint: Path | None = None
    save_every: float = 60.0
    identity: str = ""  # of the training: a checkpoint of another one is ignored
    report: Callable[[int, float], object] | None = None  # called with (steps done, dual value) now and then
    looks_at: tuple[int, ...] = ()  # the steps after which `look` says how good the learner is, for the fit's curve
    look: Callable[[], Mapping[str, float | None]] | None = None


def train(
    learner: Learner, inputs: Sampler, targets: Sampler, *, seed: int, device: torch.device, budget: Budget
) -> Fit:
    """Update `learner` on batches 0, 1, ... until the budget is used up or its dual value is not finite.

    A checkpoint is left for whoever keeps what was learned to remove.
    """
    rng = torch.Generator(device)
    state = _load(budget, learner)
    step, values, spent, curve = state["step"], state["values"], state["seconds"], state["curve"]
    learner.networks.train()
    saved, lap = time.monotonic(), _laps(device)
    outcome = Outcome.FINISHED
    while step < budget.steps:
        rng.manual_seed((seed << 32) + step)
        value = learner.update(inputs(step), targets(step), rng)
        step += 1
        if budget.look and step in budget.looks_at:
            spent += lap()
            seen = _seen(learner, budget.look)
            curve.append({"steps": step, "seconds": spent, "dual_value": _finite(value), "metrics": seen})
            lap()
        if step % REPORT_EVERY and step < budget.steps:
            continue
        values.append(float(value))
        if budget.report:
            budget.report(step, values[-1])
        spent += lap()
        if not math.isfinite(values[-1]):
            outcome = Outcome.DIVERGED
            break
        if budget.checkpoint and time.monotonic() - saved > budget.save_every:
            state = {"step": step, "values": values, "seconds": spent, "curve": curve}
            _save(budget.checkpoint, budget.identity, learner, state)
            saved = time.monotonic()
    learner.networks.eval()
    last = values[-_AVERAGED:]
    return Fit(outcome, step, spent, sum(last) / max(len(last), 1), tuple(values), tuple(curve))


def _laps(device: torch.device) -> Callable[[], float]:
    """Seconds since the last call: by the clock, or of this process's processor time where that is less, because others had the processor."""
    last = time.monotonic(), time.process_time()

    def lap() -> float:
        nonlocal last
        before, last = last, (time.monotonic(), time.process_time())
        waited, worked = (now - then for now, then in zip(last, before, strict=True))
        return min(waited, worked) if device.type == "cpu" else waited

    return lap


def _seen(learner: Learner, look: Callable[[], Mapping[str, float | None]]) -> dict[str, float | None]:
    """What a look sees, which leaves the training as it was."""
    learner.networks.eval()
    with torch.random.fork_rng(devices=[]):
        seen = dict(look())
    learner.networks.train()
    return seen


def _finite(value: torch.Tensor) -> float | None:
    return float(value) if torch.isfinite(value) else None


def _load(budget: Budget, learner: Learner) -> dict[str, Any]:
    """Where a training stands: at its beginning, unless its own checkpoint is there and whole."""
    beginning: dict[str, Any] = {"step": 0, "values": [], "seconds": 0.0, "curve": []}
    if budget.checkpoint is None or not budget.checkpoint.exists():
        return beginning
    try:
        state = torch.load(budget.checkpoint, weights_only=True)
    except Exception:  # noqa: BLE001 - a damaged file may make the reader raise anything
        return beginning
    if (
        not isinstance(state, dict)
        or state.get("identity") != budget.identity
        or not {*beginning, "networks", "optimisers"} <= set(state)
    ):
        return beginning
    learner.networks.load_state_dict(state["networks"])
    for optimiser, saved in zip(learner.optimisers, state["optimisers"], strict=True):
        optimiser.load_state_dict(saved)
    return state


def _save(path: Path, identity: str, learner: Learner, state: dict[str, Any]) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    learned = {
        "networks": learner.networks.state_dict(),
        "optimisers": [optimiser.state_dict() for optimiser in learner.optimisers],
    }
    torch.save({"identity": identity, **learned, **state}, temporary)
    temporary.replace(path)


def in_batches(compute: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, rows: int) -> torch.Tensor:
    """`compute` over `x` in batches of `rows`."""
    return torch.cat([compute(part) for part in x.split(rows)])
