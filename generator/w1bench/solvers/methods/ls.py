"""LS: large-scale optimal transport by a regularised dual.

Seguy, Damodaran, Flamary, Courty, Rolet, Blondel, "Large-scale optimal transport and mapping estimation", ICLR 2018:
minimise -(E_P f + E_Q g) + E (f(x_i) + g(y_i) - ||x_i - y_i||)_+^2 / (4 eps) over two critics f and g, with x_i ~ P and
y_i ~ Q independent and aligned by their place in the batch. The answer is f; the dual value is E_P f + E_Q g.
"""

from dataclasses import dataclass

from torch import Generator, Tensor, nn

from w1bench.solvers.learners.critic import adam, descend
from w1bench.solvers.networks import architectures as networks
from w1bench.solvers.protocol import Learner, Settings, published


@dataclass(frozen=True)
class LS:
    """The L2-regularised dual with strength `eps`."""

    eps: float = 0.01
    tag: str = "LS"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return published(shape, steps=(10_000, 15_000, 15_000), betas=(0.9, 0.999))

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        return _TwoCritics(self, networks.critic(shape), networks.critic(shape), settings)

    def loss(self, f: nn.Module, g: nn.Module, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """(loss, E_P f + E_Q g) on a batch."""
        at_x, at_y = f(x), g(y)
        dual = at_x.mean() + at_y.mean()
        excess = (at_x + at_y - (x - y).flatten(1).norm(dim=1)).relu()
        return excess.square().mean() / (4 * self.eps) - dual, dual


class _TwoCritics:
    def __init__(self, method: LS, f: nn.Module, g: nn.Module, settings: Settings) -> None:
        self.method, self.f, self.g = method, f, g
        self.networks = nn.ModuleList([f, g])
        self.optimisers = [adam(self.networks.parameters(), settings)]

    def update(self, x: Tensor, y: Tensor, rng: Generator) -> Tensor:
        loss, dual = self.method.loss(self.f, self.g, x, y)
        descend(self.optimisers[0], loss)
        return dual.detach()

    def potential(self, x: Tensor) -> Tensor:
        return self.f(x)
