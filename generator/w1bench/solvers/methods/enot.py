"""ENOT: neural optimal transport with expectile regularisation.

Buzun, Bobrin, Dylov, "Expectile regularization for fast and accurate training of neural optimal transport", NeurIPS 2024, at
cost c = ||x - y||: with g's conjugate by a mover T from P to Q, h(x) = ||x - T(x)|| - g(T(x)), the critic g minimises
-(E_P h + E_Q g) + E L(sg[h(x_i) - c_i] + g(y_i)) + E L(sg[g(y_i) - c_i] + h(x_i)), where L(d) = |tau - 1[d < 0]| d^2,
sg stops gradients and pairs are aligned by their place; T takes one step down E_P h. f = -g, whose slope is nearer to the truth's
than the mover's direction; the dual value is E_P h + E_Q g.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from w1bench.solvers.learners.critic import adam, descend, values
from w1bench.solvers.learners.distances import lengths
from w1bench.solvers.networks import architectures as networks
from w1bench.solvers.protocol import Learner, Settings, published


@dataclass(frozen=True)
class ENOT:
    """Expectile regularisation of level `tau`, with weight 1 as in the published code."""

    tau: float = 0.99
    tag: str = "ENOT"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return published(shape, steps=(20_000, 10_000, 10_000), betas=(0.9, 0.9))

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        return _CriticAndMover(self, networks.critic(shape), networks.mover(shape), settings)

    def regularisation(self, d: Tensor) -> Tensor:
        """E L(d)."""
        return (torch.where(d < 0, 1 - self.tau, self.tau) * d.square()).mean()


class _CriticAndMover:
    def __init__(self, method: ENOT, critic: nn.Module, mover: nn.Module, settings: Settings) -> None:
        self.method, self.critic, self.mover = method, critic, mover
        self.networks = nn.ModuleDict({"critic": critic, "mover": mover})
        self.optimisers = [adam(critic.parameters(), settings), adam(mover.parameters(), settings)]

    def update(self, x: Tensor, y: Tensor, rng: Generator) -> Tensor:
        of_critic, of_mover = self.optimisers
        moved = self.mover(x)
        at_y, at_moved = values(self.critic, y, moved.detach())
        conjugate = lengths(moved.detach() - x) - at_moved
        apart, dual = lengths(x - y), (conjugate + at_y).mean()
        first = self.method.regularisation((conjugate - apart).detach() + at_y)
        second = self.method.regularisation((at_y - apart).detach() + conjugate)
        self.critic.requires_grad_(False)
        of_movers_step = (lengths(moved - x) - self.critic(moved)).mean()
        self.critic.requires_grad_(True)
        descend(of_mover, of_movers_step)
        descend(of_critic, first + second - dual)
        return dual.detach()

    def potential(self, x: Tensor) -> Tensor:
        return -self.critic(x)

    def transport(self, x: Tensor) -> Tensor:
        return self.mover(x)
