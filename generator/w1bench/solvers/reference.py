"""ReferenceSolver: a method, its settings and a seed, made into `fit`, `potential` and `gradient`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from w1bench.solvers.loop import Budget, in_batches, train
from w1bench.solvers.protocol import Fit, Learner, Method, Sampler, Settings


@dataclass
class ReferenceSolver:
    """A solver for points of `shape`; its learner is made by `fit` from `seed`."""

    method: Method
    shape: tuple[int, ...]
    settings: Settings
    seed: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    seconds: float = math.inf
    checkpoint: Path | None = None
    save_every: float = 60.0
    data: str = ""  # what the samplers draw from, in words: part of a checkpoint's identity
    report: Callable[[int, float], None] | None = None
    learner: Learner | None = None

    def fit(self, inputs: Sampler, targets: Sampler) -> Fit:
        with torch.random.fork_rng(devices=[]), self.device:
            torch.manual_seed(self.seed)
            self.learner = self.method.learner(self.shape, self.settings)
        identity = f"{self.method} {self.shape} {self.settings} {self.seed} {self.data}"
        budget = Budget(self.settings.steps, self.seconds, self.checkpoint, self.save_every, identity, self.report)
        return train(self.learner, inputs, targets, seed=self.seed, device=self.device, budget=budget)

    def potential(self, x: Tensor) -> Tensor:
        """f at x (n, *shape): (n,) in float64, on the CPU."""
        with torch.no_grad():
            return in_batches(lambda part: self._f(part).double().cpu(), x, self.settings.batch)

    def gradient(self, x: Tensor) -> Tensor:
        """grad f at x (n, *shape), in float32 on the CPU."""
        return in_batches(self._gradient, x, self.settings.batch)

    def _f(self, x: Tensor) -> Tensor:
        assert self.learner is not None, "fit before asking for values"
        return self.learner.potential(x.to(self.device, torch.float32))

    def _gradient(self, x: Tensor) -> Tensor:
        x = x.to(self.device, torch.float32).requires_grad_()
        (gradient,) = torch.autograd.grad(self._f(x).sum(), x)
        return gradient.cpu()
