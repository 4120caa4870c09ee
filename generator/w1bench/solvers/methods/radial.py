"""Radial: the distance from the targets' mean, a critic that learns one point.

f(x) = -||x - mean Q||. In high dimension most of what moves towards a few centres moves inwards, so that this critic, which
knows nothing else, outdoes many that train: a row to be measured against, not a method. Ours.
"""

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn

from w1bench.solvers.learners.critic import difference
from w1bench.solvers.learners.witness import WitnessLearner, one_sample
from w1bench.solvers.protocol import Learner, Settings


@dataclass(frozen=True)
class Radial:
    """The negative distance from the mean of a sample of Q."""

    tag: str = "radial"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return one_sample(shape)

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        witness = _Distance(prod(shape))
        return WitnessLearner(witness, witness.fit)


class _Distance(nn.Module):
    mean: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))

    def fit(self, x: Tensor, y: Tensor) -> Tensor:
        self.mean.copy_(y.flatten(1).mean(dim=0))
        return difference(self, x, y)

    def forward(self, x: Tensor) -> Tensor:
        return -(x.flatten(1) - self.mean).norm(dim=1)
