"""SN: spectral normalisation.

Miyato, Kataoka, Koyama, Yoshida, "Spectral normalization for generative adversarial networks", ICLR 2018: minimise
E_Q f - E_P f with every weight W divided by its largest singular value, from power iterations. As published, a
convolution's kernel is flattened to a matrix (out, in x 4 x 4), whose singular value is not the convolution's norm: on
pictures the critic is not 1-Lipschitz.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import register_parametrization

from w1bench.solvers.learners.critic import CriticLearner, kantorovich
from w1bench.solvers.networks import architectures as networks
from w1bench.solvers.protocol import Learner, Settings, published


@dataclass(frozen=True)
class SN:
    """Spectral normalisation with `iterations` power iterations a forward pass.

    With `constant_norm` no gradient passes through the singular values, as in the published runs and against the paper: weights then grow along
    themselves, which changes nothing but makes every later step smaller.
    """

    iterations: int = 5
    constant_norm: bool = False
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
                if self.constant_norm:
                    register_parametrization(layer, "weight", _ConstantNorm(layer.weight, self.iterations))
                else:
                    spectral_norm(layer, n_power_iterations=self.iterations)
        return critic


class _ConstantNorm(nn.Module):
    """W / σ(W), where σ(W) is a constant to the gradient."""

    left: Tensor

    def __init__(self, weight: Tensor, iterations: int) -> None:
        super().__init__()
        self.iterations = iterations
        self.register_buffer("left", normalize(torch.randn(len(weight)), dim=0))

    def forward(self, weight: Tensor) -> Tensor:
        matrix, left = weight.detach().flatten(1), self.left
        right = normalize(matrix.T @ left, dim=0)
        for _ in range(self.iterations):
            left = normalize(matrix @ right, dim=0)
            right = normalize(matrix.T @ left, dim=0)
        self.left = left
        return weight / (left @ matrix @ right)
