"""K-means: cones at the clusters of a sample of inputs, refitted to the sample.

Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory 28, 1982, finds centres a_k of the inputs; then
f(x) = -min_k (||x - a_k|| + b_k) is fitted to E_P f - E_Q f of the same sample by a few whole-sample steps from b = 0. Nothing is
drawn twice. Where funnels are few their inputs are clusters, which is why a pair that hides its truth needs many. Ours.
"""

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor
from torch.optim import Adam

from w1bench.solvers.learners.critic import descend, difference
from w1bench.solvers.learners.distances import distances, least
from w1bench.solvers.learners.witness import WitnessLearner, one_sample
from w1bench.solvers.networks.cones import Cones
from w1bench.solvers.protocol import Learner, Settings

_ROUNDS = 20  # of Lloyd's algorithm
_RATE = 0.02  # of the first refit, in units of the inputs' mean distance from their mean


@dataclass(frozen=True)
class KMeans:
    """Cones at the centres of `clusters` clusters, after `refits` steps."""

    clusters: int = 64
    refits: int = 100
    tag: str = "kmeans"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return one_sample(shape)

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        cones = Cones(min(self.clusters, settings.batch), prod(shape))
        return WitnessLearner(cones, lambda x, y: self.fit(cones, x.flatten(1), y.flatten(1)))

    @torch.enable_grad()
    def fit(self, cones: Cones, x: Tensor, y: Tensor) -> Tensor:
        """Set the cones to those of a sample; returns E_P f - E_Q f on it."""
        spread = float((x - x.mean(dim=0)).norm(dim=1).mean())
        cones.centres.data.copy_(clustered(x, len(cones.centres)))
        cones.offsets.data.zero_()
        optimiser = Adam(cones.parameters())
        for step in range(self.refits):
            optimiser.param_groups[0]["lr"] = _RATE * spread * (1 - step / self.refits)
            descend(optimiser, -difference(cones, x, y))
        return difference(cones, x, y).detach()


@torch.no_grad()
def clustered(x: Tensor, clusters: int) -> Tensor:
    """Centres (clusters, D) of x (n, D), begun at its first rows."""
    centres = x[:clusters].clone()
    for _ in range(_ROUNDS):
        own = least(distances(x, centres))
        sums = torch.zeros_like(centres).index_add_(0, own, x)
        counts = own.bincount(minlength=clusters)[:, None]
        centres = torch.where(counts > 0, sums / counts.clamp(min=1), centres)
    return centres
