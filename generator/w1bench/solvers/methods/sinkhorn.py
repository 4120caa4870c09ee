"""Sinkhorn: debiased entropic potentials of two samples, extended by the soft minimum.

Feydy, Séjourné, Vialard, Amari, Trouvé, Peyré, "Interpolating between optimal transport and MMD using Sinkhorn divergences",
AISTATS 2019, at cost ||x - y||; out of sample as Pooladian, Niles-Weed, "Entropic estimation of optimal transport maps", 2021.
f = f_PQ - f_PP with f_PQ(x) = -eps log mean_j exp((g(y_j) - ||x - y_j||) / eps), f_PP alike; eps is a tenth of the mean
distance. The dual value is the Sinkhorn divergence of the samples.
"""

from dataclasses import dataclass
from math import log, prod

import torch
from torch import Tensor, nn

from w1bench.solvers.learners.witness import WitnessLearner, one_sample
from w1bench.solvers.protocol import Learner, Settings


@dataclass(frozen=True)
class Sinkhorn:
    """Potentials at eps = `blur` times the mean distance, after `iterations` of Sinkhorn's."""

    blur: float = 0.1
    iterations: int = 100
    tag: str = "sinkhorn"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return one_sample(shape)

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        witness = _SoftMinima(self, settings.batch, prod(shape))
        return WitnessLearner(witness, witness.fit)


class _SoftMinima(nn.Module):
    inputs: Tensor
    targets: Tensor
    of_inputs: Tensor  # f_PP at the inputs
    of_targets: Tensor  # g_PQ at the targets
    eps: Tensor

    def __init__(self, method: Sinkhorn, count: int, dim: int) -> None:
        super().__init__()
        self.method = method
        for name, shape in (
            ("inputs", (count, dim)),
            ("targets", (count, dim)),
            ("of_inputs", (count,)),
            ("of_targets", (count,)),
            ("eps", ()),
        ):
            self.register_buffer(name, torch.zeros(shape))

    def fit(self, x: Tensor, y: Tensor) -> Tensor:
        self.inputs.copy_(x.flatten(1))
        self.targets.copy_(y.flatten(1))
        apart = torch.cdist(self.inputs, self.targets)
        self.eps.copy_(self.method.blur * apart.mean())
        f, g = between(apart, self.eps, self.method.iterations)
        within = [among(torch.cdist(z, z), self.eps, self.method.iterations) for z in (self.inputs, self.targets)]
        self.of_inputs.copy_(within[0])
        self.of_targets.copy_(g)
        return f.mean() + g.mean() - within[0].mean() - within[1].mean()

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        return self._soft_minimum(x, self.targets, self.of_targets) - self._soft_minimum(x, self.inputs, self.of_inputs)

    def _soft_minimum(self, x: Tensor, points: Tensor, potential: Tensor) -> Tensor:
        """-eps log mean_j exp((potential_j - ||x - points_j||) / eps)."""
        exponents = (potential - torch.cdist(x, points)) / self.eps
        return self.eps * (log(len(points)) - exponents.logsumexp(dim=1))


def between(cost: Tensor, eps: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """Entropic potentials f (n,) and g (m,) of uniform weights on rows and columns of `cost` (n, m)."""
    a = cost.amin(dim=1)
    b = (cost - a[:, None]).amin(dim=0)
    kernel = ((a[:, None] + b - cost) / eps).exp()  # 1 somewhere in each row and column, so that no sum is 0
    v = torch.ones_like(b)
    u = torch.ones_like(a)
    for _ in range(iterations):
        u = cost.shape[1] / (kernel @ v)
        v = cost.shape[0] / (kernel.T @ u)
    return a + eps * u.log(), b + eps * v.log()


def among(cost: Tensor, eps: Tensor, iterations: int) -> Tensor:
    """The entropic potential (n,) of uniform weights with themselves, which averaged steps reach soon."""
    kernel = (-cost / eps).exp()
    u = torch.ones_like(cost[0])
    for _ in range(iterations):
        u = (u * len(u) / (kernel @ u)).sqrt()
    return eps * u.log()
