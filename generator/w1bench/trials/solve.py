"""One training of a reference solver on a pair, written as a submission file with a JSON sidecar."""

import json
from math import isfinite
from pathlib import Path
from typing import Any

from tqdm import tqdm

from w1bench.archive.manifest import PairState
from w1bench.client.stored_pair import StoredPair
from w1bench.errors import InputError
from w1bench.scoring import submission
from w1bench.solvers.loop import REPORT_EVERY
from w1bench.solvers.protocol import Fit
from w1bench.trials.results import facts_of_fit
from w1bench.trials.row import fit_summary
from w1bench.trials.trial import Data, make_trial, run


def solve(
    method: str, pair: StoredPair, out: Path, *, steps: int | None = None, seed: int = 0, device: str = "cpu",
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
        fit, arrays = run(trial, device=device, checkpoint=checkpoint, report=lambda step, _: bar.update(step - bar.n))
    if arrays is not None:
        partial = out.with_name(f".{out.name}.part")
        submission.write(partial, submission.from_arrays(pair.manifest, arrays))
        partial.replace(out)
    else:
        out.unlink(missing_ok=True)  # of an earlier training, which the sidecar would not be about
    sidecar = {
        **trial.identity(), "device": device, "data_note": trial.data_note, **fit_summary(fit),
        "submission": None if arrays is None else out.name, "w1": _w1(pair), "dual_values": _curve(fit),
        **facts_of_fit(trial.method.tag, trial.identity()["settings"], fit_summary(fit)["dual_value"]).model_dump(exclude_none=True),
    }  # fmt: skip
    out.with_suffix(".json").write_text(json.dumps(sidecar, indent=1) + "\n", encoding="utf-8")
    checkpoint.unlink(missing_ok=True)
    return sidecar


def _w1(pair: StoredPair) -> float | None:
    """None of a sealed pair."""
    return None if pair.manifest.state is PairState.SEALED else pair.w1


def _curve(fit: Fit) -> list[tuple[int, float | None]]:
    """The method's own value (step, value) as training went on; None where it was not finite."""
    steps = (min((k + 1) * REPORT_EVERY, fit.steps) for k in range(len(fit.dual_values)))
    return [(step, value if isfinite(value) else None) for step, value in zip(steps, fit.dual_values, strict=True)]
