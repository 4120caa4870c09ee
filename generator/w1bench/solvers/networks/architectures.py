"""The published networks: MLPs for vectors, a DCGAN critic and a UNet mover for pictures."""

from math import prod

from torch import Tensor, nn

from w1bench.solvers.networks.unet import UNet


class Scalar(nn.Module):
    """A network whose output is flattened to one value a point: (n, *shape) -> (n,)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x).reshape(len(x))


def critic(shape: tuple[int, ...], relu: type[nn.Module] = nn.ReLU) -> nn.Module:
    """The published critic for points of `shape`: the MLP [D, m, m, 1], m = max(2D, 128), with `relu` between its layers, or a DCGAN critic."""
    if is_published_picture(shape):
        return Scalar(_dcgan(shape[0], shape[1]))
    return Scalar(_mlp(shape, 1, relu))


def mover(shape: tuple[int, ...]) -> nn.Module:
    """The published mover of points of `shape`: the MLP [D, m, m, D] or a UNet."""
    if is_published_picture(shape):
        return UNet(shape[0])
    return nn.Sequential(_mlp(shape, prod(shape)), nn.Unflatten(1, shape))


def is_published_picture(shape: tuple[int, ...]) -> bool:
    """Whether `shape` is that of CIFAR-10's or CelebA's pictures, which have convolutional networks."""
    return len(shape) == 3 and shape[1:] in ((32, 32), (64, 64))


def mlp_width(shape: tuple[int, ...]) -> tuple[int, int]:
    """(D, m) of the MLPs for points of `shape`."""
    dim = prod(shape)
    return dim, max(2 * dim, 128)


def _mlp(shape: tuple[int, ...], out: int, relu: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    dim, width = mlp_width(shape)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(dim, width), relu(), nn.Linear(width, width), relu(), nn.Linear(width, out)
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
