"""GP: WGAN with a gradient penalty.

Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville, "Improved training of Wasserstein GANs", NeurIPS 2017: minimise
E_Q f - E_P f + 10 E_z (||grad f(z)|| - 1)^2 with z = t y + (1 - t) x, x ~ P and y ~ Q independent, t ~ U[0, 1].
"""

from dataclasses import dataclass

from torch import Generator, Tensor, nn

from w1bench.solvers.learners.critic import CriticLearner, difference
from w1bench.solvers.learners.penalty import slopes
from w1bench.solvers.networks import architectures as networks
from w1bench.solvers.networks.relu import ConstantSlopes
from w1bench.solvers.protocol import Learner, Settings, published


@dataclass(frozen=True)
class GP:
    """WGAN-GP with penalty weight `weight`."""

    weight: float = 10.0
    tag: str = "GP"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return published(shape, steps=(60_000, 30_000, 30_000), betas=(0.0, 0.9))

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        return CriticLearner(networks.critic(shape, ConstantSlopes), self.loss, settings)

    def loss(self, critic: nn.Module, x: Tensor, y: Tensor, rng: Generator) -> tuple[Tensor, Tensor]:
        """(loss, E_P f - E_Q f) on a batch."""
        dual = difference(critic, x, y)
        return self.weight * (slopes(critic, x, y, rng) - 1).square().mean() - dual, dual
