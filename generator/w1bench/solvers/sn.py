"""SN: spectral normalisation.

Miyato, Kataoka, Koyama, Yoshida, "Spectral normalization for generative adversarial networks", ICLR 2018: minimise
E_Q f - E_P f with every weight W divided by its largest singular value, from power iterations. As published, a
convolution's kernel is flattened to a matrix (out, in x 4 x 4), whose singular value is not the convolution's norm: on
pictures the critic is not 1-Lipschitz.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from w1bench.solvers import networks
from w1bench.solvers.critic import CriticLearner, kantorovich
from w1bench.solvers.protocol import Learner, Settings, published


@dataclass(frozen=True)
class SN:
    """Spectral normalisation with `iterations` power iterations a forward pass."""

    iterations: int = 5
    tag: str = "SN"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return published(shape, steps=(10_000, 5_000, 5_000), betas=(0.0, 0.9))

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        return CriticLearner(self.critic(shape), kantorovich, settings)

    def critic(self, shape: tuple[int, ...]) -> nn.Module:
        """The published critic with normalised weights."""
        critic = networks.critic(shape)
        for layer in list(critic.modules()):
            if isinstance(layer, nn.Linear | nn.Conv2d):
                spectral_norm(layer, n_power_iterations=self.iterations)
        return critic
