"""The published critics: an MLP for vectors, a DCGAN critic for pictures."""

from __future__ import annotations

from math import prod

from torch import Tensor, nn


class _Scalar(nn.Module):
    """A network whose output is flattened to one value a point: (n, *shape) -> (n,)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x).reshape(len(x))


def critic(shape: tuple[int, ...]) -> nn.Module:
    """The published critic for points of `shape`: the MLP [D, m, m, 1], m = max(2D, 128), or a DCGAN critic."""
    if len(shape) == 3 and shape[1:] in ((32, 32), (64, 64)):
        return _Scalar(_dcgan(shape[0], shape[1]))
    dim = prod(shape)
    width = max(2 * dim, 128)
    return _Scalar(nn.Sequential(nn.Flatten(), *_mlp_layers(dim, width)))


def _mlp_layers(dim: int, width: int) -> tuple[nn.Module, ...]:
    return (
        nn.Linear(dim, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, 1),
    )


def _dcgan(channels: int, size: int) -> nn.Module:
    """4x4 stride-2 convolutions from 64 channels up; 64 px: 5 layers with biases, 32 px: 4 without."""
    bias = size == 64
    layers: list[nn.Module] = []
    width = 64
    while size > 4:
        layers += [nn.Conv2d(channels, width, 4, stride=2, padding=1, bias=bias), nn.LeakyReLU(0.2)]
        channels, width, size = width, 2 * width, size // 2
    return nn.Sequential(*layers, nn.Conv2d(channels, 1, 4, bias=bias))
