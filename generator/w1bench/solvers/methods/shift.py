"""Shift: one direction for all points, a critic that learns two means.

f(x) = <x, v>, v the unit vector of mean P - mean Q: the best linear 1-Lipschitz critic (Mroueh, Sercu, Goel, "McGan: mean and
covariance feature matching GAN", ICML 2017, without features). A row to be measured against.
"""

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from w1bench.solvers.learners.critic import difference
from w1bench.solvers.learners.witness import WitnessLearner, one_sample
from w1bench.solvers.protocol import Learner, Settings


@dataclass(frozen=True)
class Shift:
    """The direction from a sample of Q to one of P."""

    tag: str = "shift"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return one_sample(shape)

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        witness = _Direction(prod(shape))
        return WitnessLearner(witness, witness.fit)


class _Direction(nn.Module):
    direction: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("direction", torch.zeros(dim))

    def fit(self, x: Tensor, y: Tensor) -> Tensor:
        self.direction.copy_(normalize(x.flatten(1).mean(dim=0) - y.flatten(1).mean(dim=0), dim=0))
        return difference(self, x, y)

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.direction
