"""Energy: the witness of the energy distance.

Székely, Rizzo, "Energy statistics: a class of statistics based on distances", Journal of Statistical Planning and Inference 143,
2013; as a critic Bellemare et al., "The Cramer distance as a solution to biased Wasserstein gradients", 2017:
f(x) = E_Q ||x - y|| - E_P ||x - x'||, means over a sample. The dual value is the energy distance E_P f - E_Q f, not W1.
"""

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn

from w1bench.solvers.learners.critic import difference
from w1bench.solvers.learners.witness import WitnessLearner, one_sample
from w1bench.solvers.protocol import Learner, Settings


@dataclass(frozen=True)
class Energy:
    """The energy distance's witness of two samples."""

    tag: str = "energy"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return one_sample(shape)

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        witness = _MeanDistances(settings.batch, prod(shape))
        return WitnessLearner(witness, witness.fit)


class _MeanDistances(nn.Module):
    inputs: Tensor
    targets: Tensor

    def __init__(self, count: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("inputs", torch.zeros(count, dim))
        self.register_buffer("targets", torch.zeros(count, dim))

    def fit(self, x: Tensor, y: Tensor) -> Tensor:
        self.inputs.copy_(x.flatten(1))
        self.targets.copy_(y.flatten(1))
        return difference(self, x, y)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        return torch.cdist(x, self.targets).mean(dim=1) - torch.cdist(x, self.inputs).mean(dim=1)
