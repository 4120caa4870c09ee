"""The interfaces around training: Sampler, Learner, Method, and the Fit that training ends in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from torch import Generator, Tensor, nn
from torch.optim import Optimizer

# Batch number k of a distribution, (B, *shape): a function of k alone, so that training can be resumed.
Sampler = Callable[[int], Tensor]


class Outcome(StrEnum):
    """How a training ended; the value is the message."""

    FINISHED = "all steps were done"
    DIVERGED = "the dual value or an answer was no longer finite"


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


def published(shape: tuple[int, ...], steps: tuple[int, int, int], betas: tuple[float, float]) -> Settings:
    """The paper's protocol for points of `shape`; `steps` for vectors, for CelebA's 64 pixels, for smaller pictures."""
    vectors, large, small = steps
    if len(shape) == 1:
        return Settings(vectors, batch=1024, learning_rate=2e-4, betas=betas)
    return Settings(large if shape[-1] >= 64 else small, batch=32, learning_rate=2e-4, betas=betas)


@dataclass(frozen=True)
class Fit:
    """A training's outcome: steps done, seconds they took, the method's own dual value over its last steps, and what looks on the way saw."""

    outcome: Outcome
    steps: int
    seconds: float
    dual_value: float
    dual_values: tuple[float, ...] = ()
    curve: tuple[Mapping[str, Any], ...] = ()  # `steps`, `seconds`, `dual_value` and `metrics` of each look

    def summary(self) -> Mapping[str, Any]:
        """As plain values, for a sidecar file."""
        return asdict(self) | {"outcome": self.outcome.name.lower(), "message": self.outcome.value}


class Learner(Protocol):
    """The trained state of a method; what it can be asked afterwards are the three roles below."""

    @property
    def networks(self) -> nn.Module:
        """All that is learned, buffers included: what a checkpoint holds beside the optimisers."""
        ...

    @property
    def optimisers(self) -> Sequence[Optimizer]: ...

    def update(self, x: Tensor, y: Tensor, rng: Generator) -> Tensor:
        """One step on x ~ P and y ~ Q, (B, *shape) each; returns the method's own dual value before it, a scalar."""
        ...


@runtime_checkable
class HasPotential(Protocol):
    """A learner with a potential f."""

    def potential(self, x: Tensor) -> Tensor:
        """f at x (n, *shape): (n,)."""
        ...


@runtime_checkable
class HasGradient(Protocol):
    """A learner whose answer for grad f* is not the gradient of its potential."""

    def gradient(self, x: Tensor) -> Tensor:
        """At x (n, *shape): (n, *shape)."""
        ...


@runtime_checkable
class HasTransport(Protocol):
    """A learner with a map that takes P to Q."""

    def transport(self, x: Tensor) -> Tensor:
        """T(x) of x (n, *shape): (n, *shape)."""
        ...


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
