"""SO: orthogonal layers and sorting.

Anil, Lucas, Grosse, "Sorting out Lipschitz function approximation", ICML 2019: minimise E_Q f - E_P f over networks of
orthogonal linear layers with full sort activations, which are 1-Lipschitz and keep the norms of gradients. The paper's
tables have it for vectors; on pictures (10,000 steps) it is ours, on patches that do not overlap.
"""

from dataclasses import dataclass

from w1bench.solvers.learners.critic import CriticLearner, kantorovich
from w1bench.solvers.networks.orthogonal import FullSort, orthogonal_critic
from w1bench.solvers.protocol import Learner, Settings, published


@dataclass(frozen=True)
class SO:
    """Orthogonal layers with full sort."""

    tag: str = "SO"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return published(shape, steps=(25_000, 10_000, 10_000), betas=(0.9, 0.999))

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        return CriticLearner(orthogonal_critic(shape, FullSort()), kantorovich, settings)
