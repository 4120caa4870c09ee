"""MM:R: reversed maximin, with a learned mover T from P to Q.

Korotin, Kolesov, Burnaev (NeurIPS 2022), section 3, after Dam et al. (IJCAI 2019): MM with the roles swapped. The critic
g maximises and the mover minimises E_Q g + E_P [||T(x) - x|| - g(T(x))]; the answer for grad f* is the mover's direction
(x - T(x)) / ||x - T(x)||, and f = -g, so that E_P f - E_Q f = E_Q g - E_P g.
"""

from dataclasses import dataclass

from torch import Generator, Tensor

from w1bench.solvers.learners.distances import direction
from w1bench.solvers.learners.three_players import ThreePlayers, mover_steps
from w1bench.solvers.networks import architectures as networks
from w1bench.solvers.protocol import Learner, Settings, published


@dataclass(frozen=True)
class MMR:
    """Three players, the mover from P to Q."""

    tag: str = "MM:R"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return published(shape, steps=(20_000, 10_000, 5_000), betas=(0.0, 0.9))

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        return _Reversed(ThreePlayers(networks.critic(shape), networks.mover(shape), mover_steps(shape), settings))


class _Reversed:
    def __init__(self, players: ThreePlayers) -> None:
        self.players, self.networks, self.optimisers = players, players.networks, players.optimisers

    def update(self, x: Tensor, y: Tensor, rng: Generator) -> Tensor:
        return self.players.step(start=x, end=y)

    def potential(self, x: Tensor) -> Tensor:
        return -self.players.critic(x)

    def gradient(self, x: Tensor) -> Tensor:
        return direction(x - self.transport(x))

    def transport(self, x: Tensor) -> Tensor:
        return self.players.mover(x)
