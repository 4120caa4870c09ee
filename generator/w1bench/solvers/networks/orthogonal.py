"""Critics of orthogonal layers and sorting activations: 1-Lipschitz, and they keep the norm of gradients.

Anil, Lucas, Grosse, "Sorting out Lipschitz function approximation", ICML 2019. Weights are orthogonal by torch's Cayley map (one
linear solve a layer and pass), of one or two rows or columns by Householder reflections, which are cheaper there.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import orthogonal

from w1bench.solvers.networks.lipschitz import lipschitz_critic

_THIN = 2  # rows or columns up to which reflections are cheaper than a solve


def orthogonal_critic(shape: tuple[int, ...], activation: nn.Module) -> nn.Module:
    """A 1-Lipschitz critic of orthogonal layers for points of `shape`."""
    return lipschitz_critic(shape, orthogonal_layer, activation)


def orthogonal_layer(width: int, out: int) -> nn.Module:
    """A linear layer with orthonormal rows, or columns where it has more rows."""
    return orthogonal(nn.Linear(width, out), orthogonal_map="householder" if min(width, out) <= _THIN else "cayley")


class GroupSort2(nn.Module):
    """Channels (B, C, ...) sorted in pairs, each of the first half with its fellow of the second."""

    def forward(self, x: Tensor) -> Tensor:
        return _PairSorted.apply(x)


class FullSort(nn.Module):
    """All channels (B, C, ...) sorted."""

    def forward(self, x: Tensor) -> Tensor:
        return _Sorted.apply(x.movedim(1, -1)).movedim(-1, 1)


class _PairSorted(torch.autograd.Function):
    """Minima, then maxima of the two halves of dimension 1; one mask serves both ways."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        first, second = x.chunk(2, dim=1)
        swap = first > second
        ctx.save_for_backward(swap)
        return _swapped(first, second, swap)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (swap,) = ctx.saved_tensors
        first, second = gradients[0].chunk(2, dim=1)
        return _swapped(first, second, swap)


def _swapped(first: Tensor, second: Tensor, swap: Tensor) -> Tensor:
    return torch.cat([torch.where(swap, second, first), torch.where(swap, first, second)], dim=1)


class _Sorted(torch.autograd.Function):
    """Sort along the last dimension; on a CPU by numpy, whose sort uses vector instructions."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        if x.device.type == "cpu":
            order = torch.from_numpy(np.argsort(x.detach().numpy(), axis=-1))
        else:
            order = x.argsort(dim=-1)
        ctx.save_for_backward(order)
        return x.gather(-1, order)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (order,) = ctx.saved_tensors
        return torch.empty_like(gradients[0]).scatter_(-1, order, gradients[0])
