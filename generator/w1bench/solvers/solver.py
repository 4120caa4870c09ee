"""The reference solver: a method with its settings and a seed, which is trained by `fit` and then answers at any points."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from w1bench.solvers.loop import Budget, in_batches, train
from w1bench.solvers.protocol import Fit, HasGradient, HasPotential, HasTransport, Learner, Method, Sampler, Settings


@dataclass
class ReferenceSolver:
    """A solver for points of `shape`; its learner is made by `fit` from `seed`."""

    method: Method
    shape: tuple[int, ...]
    settings: Settings
    seed: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    checkpoint: Path | None = None
    save_every: float = 60.0
    data: str = ""  # what the samplers draw from, in words: part of a checkpoint's identity
    report: Callable[[int, float], object] | None = None
    stop: int | None = None  # the step to stop at, before all of the settings' are done
    looks_at: tuple[int, ...] = ()
    look: Callable[[], Mapping[str, float | None]] | None = None  # called after these steps, for the fit's curve
    learner: Learner | None = None

    def fit(self, inputs: Sampler, targets: Sampler) -> Fit:
        with torch.random.fork_rng(devices=[]), self.device:
            torch.manual_seed(self.seed)
            self.learner = self.method.learner(self.shape, self.settings)
        identity = f"{self.method} {self.shape} {self.settings} {self.seed} {self.data}"
        budget = Budget(
            self.stop or self.settings.steps,
            self.checkpoint,
            self.save_every,
            identity,
            self.report,
            self.looks_at,
            self.look,
        )
        return train(self.learner, inputs, targets, seed=self.seed, device=self.device, budget=budget)

    def potential(self, x: Tensor) -> Tensor | None:
        """f at x (n, *shape): (n,) in float64, on the CPU; None where the method has no potential."""
        learner = self._learned()
        if not isinstance(learner, HasPotential):
            return None
        return self._answers(learner.potential, x).double()

    def gradient(self, x: Tensor) -> Tensor:
        """The method's answer for grad f* at x (n, *shape), in float32 on the CPU."""
        learner = self._learned()
        if isinstance(learner, HasGradient):
            return self._answers(learner.gradient, x)
        assert isinstance(learner, HasPotential), "a learner has a gradient or a potential"
        return in_batches(lambda part: _slope(learner.potential, self._here(part)).cpu(), x, self.settings.batch)

    def transport(self, x: Tensor) -> Tensor | None:
        """T(x) of x (n, *shape), in float32 on the CPU; None where the method has no map from P to Q."""
        learner = self._learned()
        return self._answers(learner.transport, x) if isinstance(learner, HasTransport) else None

    @torch.no_grad()
    def _answers(self, ask: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        return in_batches(lambda part: ask(self._here(part)).cpu(), x, self.settings.batch)

    def _here(self, x: Tensor) -> Tensor:
        return x.to(self.device, torch.float32)

    def _learned(self) -> Learner:
        assert self.learner is not None, "fit before asking for answers"
        return self.learner


def _slope(potential: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    x = x.requires_grad_()
    (gradient,) = torch.autograd.grad(potential(x).sum(), x)
    return gradient
