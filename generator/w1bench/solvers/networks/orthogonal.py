"""Critics of orthogonal layers and sorting activations: 1-Lipschitz, and they keep the norm of gradients.

Anil, Lucas, Grosse, "Sorting out Lipschitz function approximation", ICML 2019. Weights are orthogonal by torch's Cayley map (one
linear solve a layer and pass), of one or two rows or columns by Householder reflections, which are cheaper there. On
pictures, layers act on 2 x 2 patches that do not overlap, where the flattened kernel's norm *is* the layer's.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import orthogonal

from w1bench.solvers.networks.architectures import Scalar, is_published_picture, mlp_width

_WIDEST = 128  # channels; a solve grows with the cube of four times as many
_THIN = 2  # rows or columns up to which reflections are cheaper than a solve


def orthogonal_critic(shape: tuple[int, ...], activation: nn.Module) -> nn.Module:
    """A 1-Lipschitz critic for points of `shape`: the MLP [D, m, m, 1], or one layer a halving of a picture's sides."""
    if is_published_picture(shape):
        return Scalar(_patchwise(shape[0], shape[1], activation))
    dim, width = mlp_width(shape)
    layers = [_orthogonal(nn.Linear(dim, width)), activation, _orthogonal(nn.Linear(width, width)), activation]
    return Scalar(nn.Sequential(nn.Flatten(), *layers, _orthogonal(nn.Linear(width, 1))))


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
        return torch.empty_like(gradients[0]).scatter(-1, order, gradients[0])


class _Patches(nn.Module):
    """A linear map of the 2 x 2 patches of a picture: (n, channels, H, W) to (n, out, H / 2, W / 2)."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.linear = _orthogonal(nn.Linear(4 * channels, out))

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(nn.functional.pixel_unshuffle(x, 2).movedim(1, -1)).movedim(-1, 1)


def _orthogonal(layer: nn.Linear) -> nn.Module:
    """The layer with orthonormal rows, or columns where it has more rows."""
    return orthogonal(layer, orthogonal_map="householder" if min(layer.weight.shape) <= _THIN else "cayley")


def _patchwise(channels: int, size: int, activation: nn.Module) -> nn.Sequential:
    """64 channels at half the sides, 128 at a quarter and below, down to 4 x 4."""
    layers: list[nn.Module] = []
    width = 64
    while size > 4:
        layers += [_Patches(channels, width), activation]
        channels, width, size = width, _WIDEST, size // 2
    return nn.Sequential(*layers, nn.Flatten(), _orthogonal(nn.Linear(channels * size * size, 1)))
