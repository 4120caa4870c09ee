"""DOT: discrete optimal transport between two samples, no critic.

The exact plan of an assignment of x_1..x_n ~ P to as many y ~ Q; the answer for grad f* is (x - T(x)) / ||x - T(x)||, the
dual value is the sample's cost. A plan knows its own points only, so asked at other points it is solved anew for them: they
take the places of as many of the drawn x, and the whole is assigned to the drawn y. Such an answer is *transductive*: it
uses where the points it is asked at lie, and no truth.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from w1bench.solvers.learners.distances import direction
from w1bench.solvers.protocol import Learner, Settings


@dataclass(frozen=True)
class DOT:
    """The exact plan between two samples of 4096 points, of pictures 256."""

    tag: str = "DOT"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return Settings(steps=1, batch=4096 if len(shape) == 1 else 256, learning_rate=0.0, betas=(0.0, 0.0))

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        return _Samples(settings.batch, shape)


class _Samples:
    def __init__(self, count: int, shape: tuple[int, ...]) -> None:
        self.networks = nn.Module()
        for name in ("inputs", "targets"):
            self.networks.register_buffer(name, torch.zeros(count, *shape))
        self.optimisers = ()

    def update(self, x: Tensor, y: Tensor, rng: Generator) -> Tensor:
        self.networks.load_state_dict({"inputs": x, "targets": y})
        return (x - assigned(x, y)).flatten(1).norm(dim=1).mean()

    def gradient(self, x: Tensor) -> Tensor:
        inputs, targets = self.networks.get_buffer("inputs"), self.networks.get_buffer("targets")
        return direction(x - assigned(torch.cat([x, inputs[len(x) :]]), targets)[: len(x)])


def assigned(x: Tensor, y: Tensor) -> Tensor:
    """The y (n, *shape) that an optimal plan assigns to each of x (n, *shape)."""
    from scipy.optimize import linear_sum_assignment  # here, because no other method needs scipy

    cost = torch.cdist(x.flatten(1).double(), y.flatten(1).double()).cpu().numpy()
    return y[torch.from_numpy(linear_sum_assignment(cost)[1]).to(y.device)]
