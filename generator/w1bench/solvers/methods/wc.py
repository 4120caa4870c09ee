"""WC: the Wasserstein GAN with clipped weights.

Arjovsky, Chintala, Bottou, "Wasserstein GAN", ICML 2017: minimise E_Q f - E_P f; weights, not biases, are clamped to
[-c, c] before each forward pass.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from w1bench.solvers.learners.critic import CriticLearner, kantorovich
from w1bench.solvers.networks import architectures as networks
from w1bench.solvers.protocol import Learner, Settings, published


@dataclass(frozen=True)
class WC:
    """WGAN with weights clamped to +-`bound`."""

    bound: float = 0.04
    tag: str = "WC"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return published(shape, steps=(5_000, 5_000, 5_000), betas=(0.0, 0.9))

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        return CriticLearner(self.critic(shape), kantorovich, settings)

    def critic(self, shape: tuple[int, ...]) -> nn.Module:
        """The published critic, clamped whenever it is called."""
        critic = networks.critic(shape)
        critic.register_forward_pre_hook(self._clamp)
        return critic

    @torch.no_grad()
    def _clamp(self, critic: nn.Module, _: Any) -> None:
        for name, parameter in critic.named_parameters():
            if name.endswith("weight"):
                parameter.clamp_(-self.bound, self.bound)
