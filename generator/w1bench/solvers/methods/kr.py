"""KR: a 1-Lipschitz network of today on the Kantorovich-Rubinstein dual.

Serrurier, Mamalet, González-Sanz, Boissin, Loubes, del Barrio, "Achieving robustness in classification using optimal
transport with hinge regularization", CVPR 2021: minimise E_Q f - E_P f over orthogonal layers with GroupSort2 (Anil,
Lucas, Grosse, ICML 2019), as libraries of Lipschitz layers offer them. Not in the paper's tables; its protocol is ours.
"""

from dataclasses import dataclass

from w1bench.solvers.learners.critic import CriticLearner, kantorovich
from w1bench.solvers.networks.orthogonal import GroupSort2, orthogonal_critic
from w1bench.solvers.protocol import Learner, Settings, published


@dataclass(frozen=True)
class KR:
    """Orthogonal layers with GroupSort2."""

    tag: str = "KR"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return published(shape, steps=(25_000, 10_000, 10_000), betas=(0.9, 0.999))

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        return CriticLearner(orthogonal_critic(shape, GroupSort2()), kantorovich, settings)
