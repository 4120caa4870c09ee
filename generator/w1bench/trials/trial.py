"""A trial: a reference solver, or a user's own, trained on a pair from a seed, and its answers at the pair's points."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from w1bench.client.stored_pair import StoredPair
from w1bench.errors import DivergedError, InputError
from w1bench.solvers import SOLVERS, ReferenceSolver
from w1bench.solvers.protocol import Fit, HasPotential, Method, Outcome, Settings
from w1bench.transport.samplers import ahead
from w1bench.trials.adapter import OwnMethod, OwnSettings, OwnSolver, own_method

Data = Literal["fresh", "train"]
SAVE_EVERY = 60.0  # seconds between checkpoints


@dataclass(frozen=True)
class Trial:
    """A method on a pair from a seed; `data` says what it learns from, and `data_note` why not from fresh draws."""

    method: Method | OwnMethod
    pair: StoredPair
    settings: Settings | OwnSettings
    seed: int
    data: Data
    data_note: str | None = None

    def identity(self) -> dict[str, Any]:
        """What a row's figures are figures of, as plain values."""
        return {
            "method": self.method.tag, "pair": self.pair.name, "pair_digest": self.pair.manifest.digest(),
            "recipe_sha256": self.pair.manifest.recipe_sha256, "seed": self.seed, "data": self.data,
            "settings": {
                name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self.settings).items()
            },
        }  # fmt: skip


@dataclass(frozen=True)
class Looks:
    """The steps after which the answers of a reference solver are judged, and what judges them; `stop` ends a training after so many steps."""

    at: tuple[int, ...]
    judge: Callable[[Mapping[str, NDArray[Any]]], Mapping[str, float | None]]
    stop: int | None = None


def make_trial(
    method: str | OwnMethod, pair: StoredPair, *, steps: int | None = None, at_most: int | None = None, batch: int | None = None,
    seed: int = 0, data: Data | None = None,
) -> Trial:  # fmt: skip
    """A trial by the published protocol, for `steps` steps instead, or for `at_most` so many; or of a user's own method, which is told its
    steps and handed batches of `batch` rows.

    Without `data` it learns from fresh draws, or from train.h5 where the pair is sealed or cannot be drawn from here.

    Raises:
        InputError: there is no such method; or fresh draws were asked for, and the pair cannot be drawn from here.
    """
    found = (
        own_method(method) if isinstance(method, str) and ":" in method and method.lower() not in SOLVERS else method
    )
    if isinstance(found, OwnMethod):
        asked = at_most if steps is None else steps
        return Trial(found, pair, found.settings(pair, steps=asked, batch=batch), seed, *_data(pair, data))
    reference = _method(found)
    settings = reference.settings(pair.shape).override(steps=steps)
    if at_most is not None:
        settings = settings.override(steps=min(at_most, settings.steps))
    return Trial(reference, pair, settings, seed, *_data(pair, data))


def run(
    trial: Trial, *, device: str = "cpu", checkpoint: Path | None = None, save_every: float = SAVE_EVERY,
    report: Callable[[int, float], object] | None = None, looks: Looks | None = None,
) -> tuple[Fit, dict[str, NDArray[Any]] | None]:  # fmt: skip
    """Train; returns how it ended and the answers at the pair's points, None where a figure is not finite any more."""
    on, pair = _device(device), trial.pair
    draw = pair.sampler if trial.data == "fresh" else pair.train_samplers
    inputs, targets = draw(trial.settings.batch, device=on, seed=trial.seed)
    if isinstance(trial.method, OwnMethod):
        assert isinstance(trial.settings, OwnSettings)
        solver = OwnSolver(trial.method, pair, trial.settings, seed=trial.seed, device=on)
        answer = solver.answers
    else:
        assert isinstance(trial.settings, Settings)
        solver = ReferenceSolver(
            trial.method, pair.shape, trial.settings, seed=trial.seed, device=on, checkpoint=checkpoint,
            save_every=save_every, data=f"{pair.manifest.digest()} {trial.data}", report=report,
        )  # fmt: skip
        if looks:
            solver.stop, solver.looks_at, solver.look = looks.stop, looks.at, partial(_judged, looks, solver, pair)
        answer = partial(answers, solver, pair)
    with ahead(inputs, targets) as drawn:
        fit = solver.fit(*drawn)
    if fit.outcome is Outcome.DIVERGED:
        return fit, None
    try:
        arrays = answer()
    except DivergedError:
        return replace(fit, outcome=Outcome.DIVERGED), None
    if not _finite(arrays):
        return replace(fit, outcome=Outcome.DIVERGED), None
    return fit, arrays


def answers(solver: ReferenceSolver, pair: StoredPair) -> dict[str, NDArray[Any]]:
    """What a solver says at a pair's test and probe points: the arrays of a submission that it has."""
    x, y, z = (torch.from_numpy(rows[:]) for rows in (pair.test.input, pair.test.target, pair.probe.interpolate))
    arrays = {"gradient": solver.gradient(x), "transported": solver.transport(x)}
    if isinstance(solver.learner, HasPotential):  # which has answers anywhere
        arrays |= {
            "input_potential": solver.potential(x),
            "target_potential": solver.potential(y),
            "probe_gradient": solver.gradient(z),
        }
    return {name: tensor.numpy() for name, tensor in arrays.items() if tensor is not None}


def _judged(looks: Looks, solver: ReferenceSolver, pair: StoredPair) -> Mapping[str, float | None]:
    """Nothing where an answer is not finite."""
    arrays = answers(solver, pair)
    return looks.judge(arrays) if _finite(arrays) else {}


def _finite(arrays: Mapping[str, NDArray[Any]]) -> bool:
    return all(np.isfinite(array).all() for array in arrays.values())


def _data(pair: StoredPair, asked: Data | None) -> tuple[Data, str | None]:
    """What a solver learns from, and why it is not fresh draws where these were not refused by the user."""
    if asked == "train":
        return "train", None
    if pair.undrawable is None:
        return "fresh", None
    if asked == "fresh":
        raise InputError(f"Fresh draws were asked for, but {pair.undrawable}; give --data train.")
    return "train", f"train.h5 is learned from, because {pair.undrawable}"


def _method(name: str) -> Method:
    try:
        return SOLVERS[name.lower()]
    except KeyError:
        raise InputError(
            f"There is no method {name!r}; there are: {', '.join(SOLVERS)}; your own is given as package.module:name or path/to/file.py:name."
        ) from None


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"Device {name!r} cannot be used ({str(error).splitlines()[0]}); give cpu or cuda.") from None
    return device
