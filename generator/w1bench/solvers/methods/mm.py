"""MM: maximin with a learned mover T from Q to P.

Dam, Hoang, Nguyen, Phung, Le, Bui, Le, "Three-player Wasserstein GAN via amortised duality", IJCAI 2019: the critic
minimises and the mover maximises -(E_P f + E_Q [||T(y) - y|| - f(T(y))]), 12 (pictures: 10) mover steps a critic step on
the same batch.
"""

from dataclasses import dataclass

from torch import Generator, Tensor

from w1bench.solvers.learners.three_players import ThreePlayers, mover_steps
from w1bench.solvers.networks import architectures as networks
from w1bench.solvers.protocol import Learner, Settings, published


@dataclass(frozen=True)
class MM:
    """Three players, the mover from Q to P."""

    tag: str = "MM"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return published(shape, steps=(20_000, 3_000, 10_000), betas=(0.0, 0.9))

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        return _Forward(ThreePlayers(networks.critic(shape), networks.mover(shape), mover_steps(shape), settings))


class _Forward:
    def __init__(self, players: ThreePlayers) -> None:
        self.players, self.networks, self.optimisers = players, players.networks, players.optimisers

    def update(self, x: Tensor, y: Tensor, rng: Generator) -> Tensor:
        return self.players.step(start=y, end=x)

    def potential(self, x: Tensor) -> Tensor:
        return self.players.critic(x)
