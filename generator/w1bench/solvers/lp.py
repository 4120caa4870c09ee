"""LP: WGAN with a one-sided ("Lipschitz") gradient penalty.

Petzka, Fischer, Lukovnikov, "On the regularization of Wasserstein GANs", ICLR 2018: minimise
E_Q f - E_P f + 10 E_z (||grad f(z)|| - 1)_+^2 with z = t y + (1 - t) x, x ~ P and y ~ Q independent, t ~ U[0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from w1bench.solvers import networks
from w1bench.solvers.critic import CriticLearner
from w1bench.solvers.protocol import Learner, Settings


@dataclass(frozen=True)
class LP:
    """WGAN-LP with penalty weight `weight`."""

    weight: float = 10.0
    tag: str = "LP"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        image = len(shape) > 1
        return Settings(
            steps=30_000 if image else 60_000,
            batch=32 if image else 1024,
            learning_rate=2e-4,
            betas=(0.0, 0.9),
        )

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        return CriticLearner(networks.critic(shape), self.loss, settings)

    def loss(self, critic: nn.Module, x: Tensor, y: Tensor, rng: Generator) -> tuple[Tensor, Tensor]:
        """(loss, E_P f - E_Q f) on a batch."""
        values = critic(torch.cat([x, y]))
        dual = values[: len(x)].mean() - values[len(x) :].mean()
        t = torch.rand(len(x), *[1] * (x.dim() - 1), generator=rng, device=x.device, dtype=x.dtype)
        z = torch.lerp(x, y, t).requires_grad_()
        (gradient,) = torch.autograd.grad(critic(z).sum(), z, create_graph=True)
        excess = torch.relu(gradient.flatten(1).norm(dim=1) - 1)
        return self.weight * excess.square().mean() - dual, dual
