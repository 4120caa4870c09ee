"""PRW: the projection-robust distance, a 1-Lipschitz critic of a few learned directions.

Paty, Cuturi, "Subspace robust Wasserstein distances", ICML 2019; Lin, Fan, Ho, Cuturi, Jordan, "Projection robust Wasserstein
distance and Riemannian optimization", NeurIPS 2020; for spiked models Niles-Weed, Rigollet, Bernoulli 2022: minimise
E_Q f - E_P f over f(x) = phi(U x), U with k orthonormal rows, phi a network of orthogonal layers with GroupSort2.
"""

from dataclasses import dataclass
from math import prod

from torch import nn
from torch.nn.utils.parametrizations import orthogonal

from w1bench.solvers.learners.critic import CriticLearner, kantorovich
from w1bench.solvers.networks.orthogonal import GroupSort2, orthogonal_critic
from w1bench.solvers.protocol import Learner, Settings, published


@dataclass(frozen=True)
class PRW:
    """A frame of `rank` directions, and orthogonal layers on what is seen along them."""

    rank: int = 4
    tag: str = "PRW"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return published(shape, steps=(25_000, 10_000, 10_000), betas=(0.9, 0.999))

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        dim = prod(shape)
        rank = min(self.rank, dim)
        # A trivialised frame would begin with an orthogonal matrix of (dim, dim), which takes a minute on pictures.
        frame = orthogonal(nn.Linear(dim, rank, bias=False), orthogonal_map="householder", use_trivialization=False)
        critic = nn.Sequential(nn.Flatten(), frame, orthogonal_critic((rank,), GroupSort2()))
        return CriticLearner(critic, kantorovich, settings)
