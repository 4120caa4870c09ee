"""Almost-orthogonal Lipschitz layers: any weights, rescaled until they are 1-Lipschitz.

Prach, Lampert, "Almost-orthogonal layers for efficient general-purpose Lipschitz networks", ECCV 2022: W diag(d) with
d_i = (sum_j |W^T W|_ij)^(-1/2) has no singular value above 1, and all of them are 1 where the columns are orthogonal.
"""

from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization

_LEAST = 1e-12  # of a column's sum, so that a column of zeros stays one


class Rescaled(nn.Module):
    """W (out, in) to W diag(d)."""

    def forward(self, weight: Tensor) -> Tensor:
        return weight * (weight.T @ weight).abs().sum(dim=1).clamp(min=_LEAST).rsqrt()


class Row(nn.Module):
    """W (1, in) to W / ||W||: what W diag(d) may be at best, without the matrix of all its products."""

    def forward(self, weight: Tensor) -> Tensor:
        return nn.functional.normalize(weight, dim=1)


def aol_layer(width: int, out: int) -> nn.Module:
    """A linear layer whose rescaled weights begin orthogonal; a single row is normalised."""
    layer = nn.Linear(width, out)
    nn.init.orthogonal_(layer.weight)
    register_parametrization(layer, "weight", Row() if out == 1 else Rescaled())
    return layer
