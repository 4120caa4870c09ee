"""Trial: a reference solver on a pair, from training to a submission file with its sidecar."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from tqdm import tqdm

from w1bench import submission
from w1bench.errors import InputError
from w1bench.opened import OpenedPair
from w1bench.solvers import SOLVERS, ReferenceSolver
from w1bench.solvers.protocol import Fit, Method, Outcome


def solve(
    method: str, pair: OpenedPair, out: Path, *, steps: int | None = None, seed: int = 0, device: str = "cpu",
    fresh: bool = False, progress: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Train `method` on the draws of `pair`, write a submission to `out` and a sidecar beside it; returns the sidecar.

    The solver sees samplers of train.h5 only (with `fresh`, endless draws from the pair's recipe); the test points are read
    after its training has ended.

    Raises:
        InputError: there is no such method, or no such device.
    """
    chosen, on = _method(method), _device(device)
    if out.suffix != ".h5" or out.is_dir():
        raise InputError(
            f"The submission came as {out}; give --out the name of a file that ends in .h5 (its sidecar ends in .json)."
        )
    settings = chosen.settings(pair.shape).override(steps=steps)
    draw = pair.sampler if fresh else pair.train_samplers
    inputs, targets = draw(settings.batch, device=on, seed=seed)
    out.parent.mkdir(parents=True, exist_ok=True)
    checkpoint = out.with_name(f".{out.name}.checkpoint")
    # `disable=None` draws no bar without a terminal.
    with tqdm(total=settings.steps, unit="step", leave=False, disable=None if progress else True) as bar:
        solver = ReferenceSolver(
            chosen, pair.shape, settings, seed=seed, device=on,
            checkpoint=checkpoint, data=f"{pair.manifest.digest()} {fresh}", report=lambda step, _: _advance(bar, step),
        )  # fmt: skip
        fit = solver.fit(inputs, targets)
    if scorable := fit.outcome is not Outcome.DIVERGED:
        partial = out.with_name(f".{out.name}.part")
        submission.write(partial, submission.from_arrays(pair.manifest, answers(solver, pair)))
        partial.replace(out)
    else:
        out.unlink(missing_ok=True)  # of an earlier training, which the sidecar would not be about
    sidecar = {
        "method": chosen.tag, "pair": pair.name, "pair_digest": pair.manifest.digest(), "seed": seed,
        "device": str(on), "data": "fresh" if fresh else "train", "settings": asdict(settings), **_plain(fit),
        "submission": out.name if scorable else None,
    }  # fmt: skip
    out.with_suffix(".json").write_text(json.dumps(sidecar, indent=1) + "\n", encoding="utf-8")
    checkpoint.unlink(missing_ok=True)
    return sidecar


def answers(solver: ReferenceSolver, pair: OpenedPair) -> dict[str, NDArray[Any]]:
    """What a solver says at a pair's test and probe points: the arrays of a submission."""
    x, y, z = (torch.from_numpy(rows[:]) for rows in (pair.test.input, pair.test.target, pair.probe.interpolate))
    return {
        "gradient": solver.gradient(x).numpy(),
        "input_potential": solver.potential(x).numpy(),
        "target_potential": solver.potential(y).numpy(),
        "probe_gradient": solver.gradient(z).numpy(),
    }


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


def _plain(fit: Fit) -> dict[str, Any]:
    summary = dict(fit.summary())
    del summary["dual_values"]
    if not math.isfinite(fit.dual_value):
        summary["dual_value"] = None  # JSON has no word for it
    return summary
