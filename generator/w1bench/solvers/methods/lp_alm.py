"""LP-ALM: the one-sided gradient penalty with an augmented Lagrangian.

A penalty of weight 10 leaves slopes above 1, and with them too large a value (Milne, Nachman, COLT 2022). Here the constraint
c = E_z (||grad f(z)|| - 1)_+ = 0 has a multiplier, too, as the constraint of Mroueh, Sercu, "Fisher GAN", NeurIPS 2017: minimise
E_Q f - E_P f + 10 E_z (||grad f(z)|| - 1)_+^2 + l c + 10 c^2 with LP's z, and after each step l <- l + eta c.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from w1bench.solvers.learners.critic import adam, descend, difference
from w1bench.solvers.learners.penalty import slopes
from w1bench.solvers.networks import architectures as networks
from w1bench.solvers.networks.relu import ConstantSlopes
from w1bench.solvers.protocol import Learner, Settings, published


@dataclass(frozen=True)
class LPALM:
    """LP with penalty weights `weight`, and a multiplier that grows at rate `eta`."""

    weight: float = 10.0
    eta: float = 0.1
    tag: str = "LP-ALM"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return published(shape, steps=(60_000, 30_000, 30_000), betas=(0.0, 0.9))

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        return _Multiplied(self, networks.critic(shape, ConstantSlopes), settings)


class _Multiplied:
    def __init__(self, method: LPALM, critic: nn.Module, settings: Settings) -> None:
        self.method, self.networks = method, critic
        self.networks.register_buffer("multiplier", torch.zeros(()))
        self.optimisers = [adam(critic.parameters(), settings)]

    def update(self, x: Tensor, y: Tensor, rng: Generator) -> Tensor:
        multiplier = self.networks.get_buffer("multiplier")
        dual = difference(self.networks, x, y)
        excess = (slopes(self.networks, x, y, rng) - 1).relu()
        c = excess.mean()
        penalty = excess.square().mean() + c.square()
        descend(self.optimisers[0], multiplier * c + self.method.weight * penalty - dual)
        multiplier += self.method.eta * c.detach()
        return dual.detach()

    def potential(self, x: Tensor) -> Tensor:
        return self.networks(x)
