"""Critics made of 1-Lipschitz layers: an MLP for vectors, on pictures the same layers on patches.

On pictures, layers act on 2 x 2 patches that do not overlap, where the flattened kernel's norm *is* the layer's.
"""

from collections.abc import Callable

from torch import Tensor, nn

from w1bench.solvers.networks.architectures import Scalar, is_published_picture, mlp_width

_WIDEST = 128  # channels; the cost of a layer's bound grows with the cube of four times as many

# Makes a 1-Lipschitz layer of its width and its number of outputs; the last dimension is the one it acts on.
MakeLayer = Callable[[int, int], nn.Module]


def lipschitz_critic(shape: tuple[int, ...], layer: MakeLayer, activation: nn.Module) -> nn.Module:
    """A 1-Lipschitz critic for points of `shape`: the MLP [D, m, m, 1], or one layer a halving of a picture's sides."""
    if is_published_picture(shape):
        return Scalar(_patchwise(shape[0], shape[1], layer, activation))
    dim, width = mlp_width(shape)
    hidden = [layer(dim, width), activation, layer(width, width), activation]
    return Scalar(nn.Sequential(nn.Flatten(), *hidden, layer(width, 1)))


class _Patches(nn.Module):
    """A layer on the 2 x 2 patches of a picture: (n, channels, H, W) to (n, out, H / 2, W / 2)."""

    def __init__(self, channels: int, out: int, layer: MakeLayer) -> None:
        super().__init__()
        self.linear = layer(4 * channels, out)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(nn.functional.pixel_unshuffle(x, 2).movedim(1, -1)).movedim(-1, 1)


def _patchwise(channels: int, size: int, layer: MakeLayer, activation: nn.Module) -> nn.Sequential:
    """64 channels at half the sides, 128 at a quarter and below, down to 4 x 4."""
    layers: list[nn.Module] = []
    width = 64
    while size > 4:
        layers += [_Patches(channels, width, layer), activation]
        channels, width, size = width, _WIDEST, size // 2
    return nn.Sequential(*layers, nn.Flatten(), layer(channels * size * size, 1))
