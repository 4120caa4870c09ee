"""The roles around training: Sampler, Learner, Method, Solver, and the Fit that training ends in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

from torch import Generator, Tensor

# Batch number k of a distribution, (B, *shape): a function of k alone, so that training can be resumed.
Sampler = Callable[[int], Tensor]


class Outcome(StrEnum):
    """How a training ended; the value is the message."""

    FINISHED = "all steps were done"
    OUT_OF_TIME = "the time allowed was used up"
    DIVERGED = "the dual value was no longer finite"


@dataclass(frozen=True)
class Settings:
    """What is common to all trainings: Adam's learning rate and betas, rows of a batch, number of steps."""

    steps: int
    batch: int
    learning_rate: float
    betas: tuple[float, float]

    def override(self, **changes: Any) -> Settings:
        """These settings with every change that is not None."""
        return replace(self, **{name: value for name, value in changes.items() if value is not None})


@dataclass(frozen=True)
class Fit:
    """A training's outcome: steps done, seconds they took, the method's own dual value over its last steps."""

    outcome: Outcome
    steps: int
    seconds: float
    dual_value: float
    dual_values: tuple[float, ...] = ()

    def summary(self) -> Mapping[str, Any]:
        """As plain values, for a sidecar file."""
        return asdict(self) | {"outcome": self.outcome.name.lower(), "message": self.outcome.value}


class Learner(Protocol):
    """The trained state of a method: networks and optimisers."""

    def update(self, x: Tensor, y: Tensor, rng: Generator) -> Tensor:
        """One step on x ~ P and y ~ Q, (B, *shape) each; returns the dual value before it, a scalar."""
        ...

    def potential(self, x: Tensor) -> Tensor:
        """f at x (n, *shape): (n,)."""
        ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> object: ...


class Method(Protocol):
    """Immutable hyper-parameters of a published method."""

    @property
    def tag(self) -> str:
        """As in the paper's tables."""
        ...

    def settings(self, shape: tuple[int, ...]) -> Settings:
        """The published protocol for points of `shape`."""
        ...

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        """A new learner, initialised from torch's global stream."""
        ...


class Solver(Protocol):
    """What a benchmark row is made of; anything with these three can be scored."""

    def fit(self, inputs: Sampler, targets: Sampler) -> Fit: ...

    def potential(self, x: Tensor) -> Tensor: ...

    def gradient(self, x: Tensor) -> Tensor: ...
