"""AOL: KR on almost-orthogonal layers.

Prach, Lampert, "Almost-orthogonal layers for efficient general-purpose Lipschitz networks", ECCV 2022: minimise
E_Q f - E_P f over linear layers with rescaled weights and GroupSort2.
"""

from dataclasses import dataclass

from w1bench.solvers.learners.critic import CriticLearner, kantorovich
from w1bench.solvers.networks.aol import aol_layer
from w1bench.solvers.networks.lipschitz import lipschitz_critic
from w1bench.solvers.networks.orthogonal import GroupSort2
from w1bench.solvers.protocol import Learner, Settings, published


@dataclass(frozen=True)
class AOL:
    """Rescaled layers with GroupSort2."""

    tag: str = "AOL"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return published(shape, steps=(25_000, 10_000, 10_000), betas=(0.9, 0.999))

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        return CriticLearner(lipschitz_critic(shape, aol_layer, GroupSort2()), kantorovich, settings)
