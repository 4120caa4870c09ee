"""The minimum of cones as a network: f(x) = -min_k (||x - a_k|| + b_k), 1-Lipschitz whatever its centres and offsets."""

import torch
from torch import Tensor, nn

from w1bench.solvers.learners.distances import distances, least


class Cones(nn.Module):
    """Cones with learned centres (K, D) and offsets (K,); a point's gradient is that of its lowest cone."""

    def __init__(self, count: int, dim: int) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.zeros(count, dim))
        self.offsets = nn.Parameter(torch.zeros(count))

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        k = self.lowest(x)
        return -(x - self.centres[k]).norm(dim=1) - self.offsets[k]

    def lowest(self, x: Tensor) -> Tensor:
        """Which cone is the lowest at x (B, D): (B,)."""
        return least(distances(x, self.centres) + self.offsets.detach())
