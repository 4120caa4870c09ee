"""SLL: KR on SDP-based Lipschitz layers.

Araujo, Havens, Delattre, Allauzen, Hu, "A unified algebraic perspective on Lipschitz neural networks", ICLR 2023: minimise
E_Q f - E_P f over residual layers x - 2 W diag(1 / T) relu(W^T x + b) that need no solve to be 1-Lipschitz.
"""

from dataclasses import dataclass

from torch import nn

from w1bench.solvers.learners.critic import CriticLearner, kantorovich
from w1bench.solvers.networks.lipschitz import lipschitz_critic
from w1bench.solvers.networks.sll import sll_layer
from w1bench.solvers.protocol import Learner, Settings, published


@dataclass(frozen=True)
class SLL:
    """Residual layers, whose activation is inside."""

    tag: str = "SLL"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return published(shape, steps=(25_000, 10_000, 10_000), betas=(0.9, 0.999))

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        return CriticLearner(lipschitz_critic(shape, sll_layer, nn.Identity()), kantorovich, settings)
