"""DOT: discrete optimal transport between two samples, no critic.

The exact plan of an assignment of x_1..x_n ~ P to as many y ~ Q; the answer for grad f* is (x - T(x)) / ||x - T(x)||, the
dual value is the sample's cost. A plan knows its own points only, so asked at other points it is solved anew for them: they
take the places of as many of the drawn x, and the whole is assigned to the drawn y. Such an answer is *transductive*: it
uses where the points it is asked at lie, and no truth. The potential is that of the plan's duals g, extended by the c-transform
f(x) = min_j (||x - y_j|| - g_j).
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from w1bench.solvers.learners.distances import direction
from w1bench.solvers.protocol import Learner, Settings

_ROUNDING = 1e-12  # of the largest cost, below which a path is no shorter
_ROWS = 64  # of costs that are gone through at a time, which a cache holds


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
        self.networks.register_buffer("duals", torch.zeros(count, dtype=torch.double))
        self.optimisers = ()

    def update(self, x: Tensor, y: Tensor, rng: Generator) -> Tensor:
        cost = costs(x, y)
        order = assignment(cost)
        self.networks.load_state_dict({"inputs": x, "targets": y, "duals": duals(cost, order)})
        return (x - y[order]).flatten(1).norm(dim=1).mean()

    def gradient(self, x: Tensor) -> Tensor:
        inputs, targets = self.networks.get_buffer("inputs"), self.networks.get_buffer("targets")
        order = assignment(costs(torch.cat([x, inputs[len(x) :]]), targets))
        return direction(x - targets[order[: len(x)]])

    def potential(self, x: Tensor) -> Tensor:
        return (
            (costs(x, self.networks.get_buffer("targets")) - self.networks.get_buffer("duals")).amin(dim=1).to(x.dtype)
        )


def costs(x: Tensor, y: Tensor) -> Tensor:
    """||x_i - y_j||, (n, m) in float64."""
    return torch.cdist(x.flatten(1).double(), y.flatten(1).double())


def assignment(cost: Tensor) -> Tensor:
    """The column of each row of `cost` (n, n) in a cheapest assignment, (n,)."""
    from scipy.optimize import linear_sum_assignment  # here, because no other method needs scipy

    return torch.from_numpy(linear_sum_assignment(cost.cpu().numpy())[1]).to(cost.device)


def duals(cost: Tensor, order: Tensor) -> Tensor:
    """g (n,) such that cost_ij - g_j is least at j = order_i: the shortest ways over the plan's residual graph (Bellman, Ford)."""
    detours = cost - cost.gather(1, order[:, None])  # (n, n): what row i pays more for column j than for its own
    g, allowed = torch.zeros_like(cost[0]), _ROUNDING * cost.abs().max()
    while True:
        before = g
        for rows, own in zip(
            detours.split(_ROWS), order.split(_ROWS), strict=True
        ):  # each of which sees what the ones before found
            g = torch.minimum(g, (rows + g[own][:, None]).amin(dim=0))
        if (before - g).max() <= allowed:
            return g
