"""MM:B: maximin with the c-transform inside the batch.

Mallasto, Montúfar, Gerolin, "How well do WGANs estimate the Wasserstein metric?", 2019 ((c, eps)-WGAN of it at eps = 0):
minimise -(E_P f + E_Q [||x* - y|| - f(x*)]) with x*(y) = argmin over the batch's x of ||x - y|| - f(x), and no gradient
through the argmin.
"""

from dataclasses import dataclass

from torch import Generator, Tensor, nn

from w1bench.solvers.learners.critic import CriticLearner
from w1bench.solvers.learners.distances import distances, least, lengths
from w1bench.solvers.networks import architectures as networks
from w1bench.solvers.protocol import Learner, Settings, published


@dataclass(frozen=True)
class MMB:
    """Maximin with the c-transform in the batch."""

    tag: str = "MM:B"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return published(shape, steps=(25_000, 10_000, 10_000), betas=(0.9, 0.999))

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        return CriticLearner(networks.critic(shape), self.loss, settings)

    def loss(self, critic: nn.Module, x: Tensor, y: Tensor, rng: Generator) -> tuple[Tensor, Tensor]:
        """(loss, its negative: the c-transform's dual value in the batch)."""
        f = critic(x)
        nearest = least(distances(y, x) - f.detach())
        dual = f.mean() + (lengths(x[nearest] - y) - f[nearest]).mean()
        return -dual, dual
