"""A user's own solver, as trials run it: it is made for a pair, fitted on batches, and asked at the pair's points.

It has `fit(inputs, targets)`, where both are functions of a batch's number that return a batch, and a critic f, meant to make E_P f - E_Q f
large: a method `potential(x)` or `critic(x)`, or what `fit` returns, or the solver itself, if it can be called; with a `gradient(x)` of its own, or
differentiated by its library. Batches and points are torch tensors, or arrays where the solver says `framework = "numpy"` or `"jax"`.
"""

import hashlib
import importlib
import inspect
import math
import random
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from w1bench.client.differentiation import at_rows, differentiated
from w1bench.client.stored_pair import StoredPair
from w1bench.client.user_module import import_file
from w1bench.errors import InputError
from w1bench.solvers.protocol import Fit, Outcome, Sampler
from w1bench.trials.results import ORDER

FRAMEWORKS = ("torch", "numpy", "jax")
_OFFERED = ("pair", "shape", "seed", "device", "steps")  # to what makes a solver, by its parameters' names


@dataclass(frozen=True)
class OwnSettings:
    """What is known of a user's training: rows of a batch, the steps that were asked for, and a digest of the source."""

    steps: int | None
    batch: int
    source: str | None


@dataclass(frozen=True)
class OwnMethod:
    """`make` makes a solver: a function of a pair, a class, or the place of one, which other processes can import."""

    tag: str
    make: Callable[..., Any] | str

    def settings(self, pair: StoredPair, *, steps: int | None, batch: int | None) -> OwnSettings:
        """Raises an InputError if steps were given that it does not take, or it needs what there is not."""
        make = self.imported()
        offered = _arguments(self.tag, make, dict.fromkeys(_OFFERED, 0) | {"steps": steps})[1]
        if steps is not None and "steps" not in offered:
            raise InputError(
                f"{self.tag} has no parameter `steps`, so that it cannot be told how many; add it, or leave out the steps."
            )
        return OwnSettings(steps, batch or (1024 if len(pair.shape) == 1 else 32), _source_digest(make))

    def imported(self) -> Callable[..., Any]:
        return imported(self.make) if isinstance(self.make, str) else self.make


def own_method(make: Callable[..., Any] | str, *, name: str | None = None) -> OwnMethod:
    """A user's method by its class, function, or place (`package.module:name`, `path/to/file.py:name`).

    Raises:
        InputError: it cannot be imported or called, or it has the name of a reference method.
    """
    tag = name or (
        make.rpartition(":")[2] if isinstance(make, str) else getattr(make, "__name__", "solver").strip("<>")
    )
    if tag.lower() in (known.lower() for known in ORDER):
        raise InputError(f"There is a reference method {tag}; give your own another name.")
    method = OwnMethod(tag, make)
    if not callable(found := method.imported()):
        raise InputError(
            f"{tag} is a {type(found).__name__}; give a class, or a function of a pair, that makes a solver."
        )
    return method


class OwnSolver:
    """A user's solver that was made for `pair`, with seeds of torch, numpy and Python set for its making and its fit."""

    def __init__(
        self, method: OwnMethod, pair: StoredPair, settings: OwnSettings, *, seed: int, device: torch.device
    ) -> None:
        self.method, self.pair, self.settings, self.seed, self.device = method, pair, settings, seed, device
        self.solver: Any = None
        self.critic: Callable[..., Any] | None = None
        self.steps = 0

    def fit(self, inputs: Sampler, targets: Sampler) -> Fit:
        with _seeds(self.seed):
            offered = {
                "pair": self.pair, "shape": self.pair.shape, "seed": self.seed, "device": self.device, "steps": self.settings.steps,
            }  # fmt: skip
            make = self.method.imported()
            places, names = _arguments(self.method.tag, make, offered)
            self.solver = make(*places, **names)
            if not callable(getattr(self.solver, "fit", None)):
                raise InputError(
                    f"{self.method.tag} made a {type(self.solver).__name__} without `fit`; give it fit(inputs, targets)."
                )
            started = time.monotonic()
            told = self.solver.fit(self._counted(inputs), self._counted(targets))
            seconds = time.monotonic() - started
        for critic in (
            getattr(self.solver, "potential", None),
            getattr(self.solver, "critic", None),
            told,
            self.solver,
        ):
            if callable(critic):
                self.critic = critic
                break
        if isinstance(told, Fit):
            return told
        dual_value = float(told) if isinstance(told, int | float | np.number) else math.nan
        return Fit(Outcome.FINISHED, self.steps, seconds, dual_value)

    def answers(self) -> dict[str, NDArray[Any]]:
        """The arrays of a submission that the solver has.

        Raises:
            InputError: it has no critic and no gradient.
            SubmissionError: its critic does not return one value a point.
        """
        gradient, transport = (getattr(self.solver, name, None) for name in ("gradient", "transport"))
        x, y, z = (
            np.asarray(rows[:], np.float32)
            for rows in (self.pair.test.input, self.pair.test.target, self.pair.probe.interpolate)
        )
        if gradient is None and self.critic is None:
            raise InputError(
                f"{self.method.tag} has no critic; give it `potential(x)` or `gradient(x)`, or return a function from `fit`."
            )
        found: dict[str, NDArray[Any] | None] = {}
        if gradient is None:
            assert self.critic is not None
            with differentiated(self._here(self.critic), x[:2], framework=self.framework) as of:
                batch = self.settings.batch
                found["input_potential"], found["gradient"] = at_rows(of.at, x, batch)
                found["target_potential"] = at_rows(of.at, y, batch, gradients=False).value
                found["probe_gradient"] = at_rows(of.at, z, batch).gradient
        else:
            found["gradient"] = self._asked(gradient, x)
            if self.critic is not None and (values := self._values(x)) is not None:
                found |= {
                    "input_potential": values, "target_potential": self._values(y), "probe_gradient": self._asked(gradient, z),
                }  # fmt: skip
        if transport is not None:
            found["transported"] = self._asked(transport, x)
        return {name: array for name, array in found.items() if array is not None}

    @property
    def framework(self) -> Any:
        """Of batches and points.

        Raises:
            InputError: the solver says another one than there are.
        """
        framework = getattr(self.solver, "framework", "torch")
        if framework not in FRAMEWORKS:
            raise InputError(f"{self.method.tag} says framework = {framework!r}; give one of {', '.join(FRAMEWORKS)}.")
        return framework

    def _counted(self, sampler: Sampler) -> Callable[[int], Any]:
        """The sampler in the solver's framework, whose batches are counted."""
        as_arrays = self.framework != "torch"

        def draw(k: int) -> Any:
            self.steps = max(self.steps, k + 1)
            return sampler(k).cpu().numpy() if as_arrays else sampler(k)

        return draw

    def _here(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function of tensors that are brought to the device first; another one as it is."""
        if self.framework != "torch" or isinstance(function, torch.nn.Module):
            return function

        def there(x: torch.Tensor) -> Any:
            return function(x.to(self.device))

        return there

    def _values(self, points: NDArray[Any]) -> NDArray[Any] | None:
        assert self.critic is not None
        values = self._asked(self.critic, points)
        return None if values is None else np.asarray(values.reshape(-1), np.float64)

    def _asked(self, function: Callable[..., Any], points: NDArray[Any]) -> NDArray[Any] | None:
        """What a function returns of points, a batch of them at a time; None where it returns None."""
        parts: list[NDArray[Any]] = []
        for start in range(0, len(points), self.settings.batch):
            part: Any = points[start : start + self.settings.batch]
            answer = function(torch.from_numpy(part).to(self.device) if self.framework == "torch" else part)
            if answer is None:
                return None
            parts.append(answer.detach().cpu().numpy() if isinstance(answer, torch.Tensor) else np.asarray(answer))
        return np.concatenate(parts)


def _arguments(tag: str, make: Callable[..., Any], offered: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """What `make` is called with: what it has parameters for, and the pair for a first one that it needs under another name."""
    try:
        parameters = inspect.signature(make).parameters
    except (TypeError, ValueError):  # of what is not written in Python
        return [offered["pair"]], {}
    names = {name: offered[name] for name in parameters if name in offered}
    if names.get("steps", 0) is None:
        if parameters["steps"].default is inspect.Parameter.empty:
            raise InputError(f"{tag} has to be told its `steps`; give them, or give the parameter a default.")
        del names["steps"]  # its own number
    needed = [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        and name not in names
    ]
    if len(needed) > 1 or (needed and "pair" in names):
        raise InputError(
            f"{tag} needs {' and '.join(f'`{name}`' for name in needed)}, which a trial does not have; it has {', '.join(_OFFERED)}. "
            "Give a function of the pair."
        )
    return [offered["pair"]] if needed else [], names


@contextmanager
def _seeds(seed: int) -> Generator[None]:
    """The global streams of random numbers, from a seed for the block, and afterwards as they were."""
    of_numpy, of_python = np.random.get_state(), random.getstate()  # noqa: NPY002 - a user's code may draw from it
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(of_numpy)  # noqa: NPY002
            random.setstate(of_python)


def imported(place: str) -> Any:
    """The object at `package.module:name` or `path/to/file.py:name`.

    Raises:
        InputError: there is none.
    """
    module_name, _, name = place.rpartition(":")
    try:
        module = import_file(Path(module_name)) if module_name.endswith(".py") else importlib.import_module(module_name)
        return getattr(module, name)
    except (ImportError, OSError, AttributeError, ValueError) as error:
        raise InputError(
            f"{place} cannot be imported ({error}); give package.module:name or path/to/file.py:name."
        ) from error


def _source_digest(make: Any) -> str | None:
    """Of the file that a solver is made in, so that one that was edited is another; None where there is no file."""
    try:
        path = inspect.getsourcefile(make)
        text = Path(path).read_bytes() if path and Path(path).is_file() else inspect.getsource(make).encode()
    except (OSError, TypeError):
        return None
    return hashlib.sha256(text).hexdigest()[:16]
