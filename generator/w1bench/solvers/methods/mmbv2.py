"""MM:Bv2: c-transforms inside the batch, of f or of its partner, whichever binds.

Kwon, Kim, Montúfar, Yang, "Training Wasserstein GANs without gradient penalties" (CoWGAN), 2021: with L1 = E_P f - E_Q f,
L2 = E_P f + E_Q min_x (||x - y|| - f(x)) and L3 = -E_Q f + E_P min_y (||x - y|| + f(y)), minima over the batch, minimise
-L2 if L2 < L1, else -L3 if L3 < L1, else -L1.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from w1bench.solvers.learners.critic import CriticLearner, values
from w1bench.solvers.learners.distances import distances, least, lengths
from w1bench.solvers.networks import architectures as networks
from w1bench.solvers.protocol import Learner, Settings, published


@dataclass(frozen=True)
class MMBv2:
    """The least of the difference and two c-transforms in the batch."""

    tag: str = "MM:Bv2"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return published(shape, steps=(25_000, 10_000, 10_000), betas=(0.0, 0.9))

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        return CriticLearner(networks.critic(shape), self.loss, settings)

    def loss(self, critic: nn.Module, x: Tensor, y: Tensor, rng: Generator) -> tuple[Tensor, Tensor]:
        """(loss, its negative: the dual value that binds)."""
        f, g = values(critic, x, y)
        apart = distances(x, y)  # (B, B)
        y_of = least(apart + g.detach())  # for each x
        x_of = least(apart - f.detach()[:, None], dim=0)  # for each y
        L1 = f.mean() - g.mean()
        L2 = f.mean() + (lengths(x[x_of] - y) - f[x_of]).mean()
        L3 = -g.mean() + (lengths(x - y[y_of]) + g[y_of]).mean()
        dual = torch.where(L2 < L1, L2, torch.where(L3 < L1, L3, L1))
        return -dual, dual
