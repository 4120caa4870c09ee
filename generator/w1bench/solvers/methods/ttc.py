"""TTC: trust the critics, a sequence of steep critics that push P towards Q.

Milne, Bilocq, Nachman, "Trust the critics: generatorless and multipurpose WGANs with initial convergence guarantees", 2021:
LP critics of weight 1000, one after another; when one is trained, every x moves on to x - eta grad f(x), eta that critic's
dual value, and the next critic begins from its weights. The first critic is the potential (TTC-1), all pushes in turn
are the map. Training is shared evenly among the critics; eta is the mean over the last tenth of a critic's steps.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from w1bench.solvers.learners.critic import adam, descend
from w1bench.solvers.methods.lp import LP
from w1bench.solvers.networks import architectures as networks
from w1bench.solvers.networks.relu import ConstantSlopes
from w1bench.solvers.protocol import Learner, Settings, published


@dataclass(frozen=True)
class TTC:
    """`critics` critics with penalty weight `weight`."""

    critics: int = 20
    weight: float = 1000.0
    tag: str = "TTC"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return published(shape, steps=(20_000, 10_000, 10_000), betas=(0.0, 0.9))

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        sequence = [networks.critic(shape, ConstantSlopes) for _ in range(min(self.critics, settings.steps))]
        return _Sequence(sequence, LP(self.weight), settings)


class _Sequence:
    def __init__(self, critics: list[nn.Module], penalised: LP, settings: Settings) -> None:
        self.critics, self.penalised = critics, penalised
        self.turn = -(-settings.steps // len(critics))  # updates of each critic
        self.networks = nn.ModuleList(critics)
        self.networks.register_buffer("eta", torch.zeros(len(critics)))
        self.networks.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self.optimisers = [adam(critic.parameters(), settings) for critic in critics]

    def update(self, x: Tensor, y: Tensor, rng: Generator) -> Tensor:
        updates, eta = self.networks.get_buffer("updates"), self.networks.get_buffer("eta")
        k, place = divmod(int(updates), self.turn)
        if place == 0 and k > 0:
            self.critics[k].load_state_dict(self.critics[k - 1].state_dict())
        loss, dual = self.penalised.loss(self.critics[k], self._push(x, k), y, rng)
        descend(self.optimisers[k], loss)
        tail = -(-self.turn // 10)
        if place >= self.turn - tail:
            eta[k] += dual.detach() / tail
        updates += 1
        return dual.detach()

    def potential(self, x: Tensor) -> Tensor:
        return self.critics[0](x)

    def transport(self, x: Tensor) -> Tensor:
        return self._push(x, len(self.critics))

    def _push(self, x: Tensor, critics: int) -> Tensor:
        """x after the pushes of the first `critics` critics."""
        for critic, eta in zip(self.critics[:critics], self.networks.get_buffer("eta"), strict=False):
            with torch.enable_grad():
                x = x.detach().requires_grad_()
                (gradient,) = torch.autograd.grad(critic(x).sum(), x)
            x = (x - eta * gradient).detach()
        return x
