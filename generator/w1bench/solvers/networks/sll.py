"""SDP-based Lipschitz layers: residual layers that are 1-Lipschitz whatever their weights.

Araujo, Havens, Delattre, Allauzen, Hu, "A unified algebraic perspective on Lipschitz neural networks", ICLR 2023:
x - 2 W diag(1 / T) relu(W^T x + b) with T_i = sum_j |W^T W|_ij q_j / q_i and any q > 0.
"""

import torch
from torch import Tensor, nn

from w1bench.solvers.networks.aol import aol_layer


class SLL(nn.Module):
    """The residual layer on the last dimension of x (..., width), q = exp(log_q)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.xavier_normal_(torch.empty(width, width)))
        self.bias = nn.Parameter(torch.zeros(width))
        self.log_q = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        q = self.log_q.exp()
        T = (self.weight.T @ self.weight).abs() @ q / q
        return x - 2 * (x @ self.weight + self.bias).relu() / T @ self.weight.T


def sll_layer(width: int, out: int) -> nn.Module:
    """To `out` dimensions, by zeros or by an almost-orthogonal map, and a residual layer there; a single output has none."""
    if out == 1:
        return aol_layer(width, 1)
    entrance = nn.ZeroPad1d((0, out - width)) if out >= width else aol_layer(width, out)
    return nn.Sequential(entrance, SLL(out))
