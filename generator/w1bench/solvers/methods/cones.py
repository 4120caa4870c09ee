"""Cones: a learned MinFunnel, the form that most pairs' potentials have.

f(x) = -min_k (||x - a_k|| + b_k), the potentials of Korotin, Kolesov, Burnaev (NeurIPS 2022), trained on E_Q f - E_P f from
centres at inputs, with a learning rate that falls as a cosine. It knows the family of funnel pairs: what its rows there show is how
much of a score such knowledge is worth. Ours.
"""

from dataclasses import dataclass
from math import cos, pi, prod

import torch
from torch import Generator, Tensor

from w1bench.solvers.learners.critic import adam, descend, difference
from w1bench.solvers.networks.cones import Cones as Network
from w1bench.solvers.protocol import Learner, Settings


@dataclass(frozen=True)
class Cones:
    """The minimum of `count` cones, of no more than a batch has points."""

    count: int = 256
    tag: str = "cones"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return Settings(steps=1_000, batch=512, learning_rate=2e-2, betas=(0.9, 0.999))

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        return _Cones(Network(min(self.count, settings.batch), prod(shape)), settings)


class _Cones:
    def __init__(self, cones: Network, settings: Settings) -> None:
        self.networks, self.settings = cones, settings
        self.networks.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self.optimisers = [adam(cones.parameters(), settings)]

    def update(self, x: Tensor, y: Tensor, rng: Generator) -> Tensor:
        updates, cones = self.networks.get_buffer("updates"), self.networks
        if updates == 0:
            cones.centres.data.copy_(x[: len(cones.centres)].flatten(1))
        for group in self.optimisers[0].param_groups:
            group["lr"] = self.settings.learning_rate * (1 + cos(pi * int(updates) / self.settings.steps)) / 2
        dual = difference(cones, x, y)
        descend(self.optimisers[0], -dual)
        updates += 1
        return dual.detach()

    def potential(self, x: Tensor) -> Tensor:
        return self.networks(x)
