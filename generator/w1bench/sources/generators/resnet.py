"""The WGAN-QC residual generator, whose published checkpoints made the CIFAR-10 and CelebA pairs.

Liu, Gu, Samaras, "Wasserstein GAN with quadratic transport cost", ICCV 2019: latents z ~ N(0, I_128), a linear layer to 4 x 4,
pairs of residual blocks between nearest-neighbour up-samplings, tanh. The names of the modules are those of the checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

from torch import Tensor, nn
from torch.nn import functional

LATENT_DIM = 128
_BASE = 4  # side of the first feature map
_SLOPE = 0.2
_BRANCH = 0.1  # weight of a block's branch beside its shortcut


@dataclass(frozen=True)
class ResNetSize:
    """Side of the pictures, filters at full size, and the most filters anywhere."""

    size: int
    filters: int = 64
    most_filters: int = 512

    @property
    def stages(self) -> int:
        """Up-samplings by two."""
        return int(log2(self.size // _BASE))

    def width(self, stage: int) -> int:
        """Filters at 2^-stage of the full size."""
        return min(self.filters << stage, self.most_filters)


class ResidualBlock(nn.Module):
    """LeakyReLU(shortcut + 0.1 branch), the branch two 3 x 3 convolutions with batch norm."""

    def __init__(self, fan_in: int, fan_out: int) -> None:
        super().__init__()
        hidden = min(fan_in, fan_out)
        self.conv_0 = nn.Conv2d(fan_in, hidden, 3, padding=1, bias=False)
        self.bn2d_0 = nn.BatchNorm2d(hidden)
        self.conv_1 = nn.Conv2d(hidden, fan_out, 3, padding=1, bias=False)
        self.bn2d_1 = nn.BatchNorm2d(fan_out)
        self.learned_shortcut = fan_in != fan_out
        if self.learned_shortcut:
            self.conv_s = nn.Conv2d(fan_in, fan_out, 1, bias=False)
            self.bn2d_s = nn.BatchNorm2d(fan_out)

    def forward(self, x: Tensor) -> Tensor:
        branch = functional.leaky_relu(self.bn2d_0(self.conv_0(x)), _SLOPE)
        branch = self.bn2d_1(self.conv_1(branch))
        shortcut = self.bn2d_s(self.conv_s(x)) if self.learned_shortcut else x
        return functional.leaky_relu(shortcut + _BRANCH * branch, _SLOPE)


class ResNetGenerator(nn.Module):
    """Latents (n, 128) -> pictures (n, 3, size, size) in [-1, 1]."""

    def __init__(self, size: ResNetSize) -> None:
        super().__init__()
        top = size.width(size.stages + 1)
        self.first_shape = (top, _BASE, _BASE)
        self.fc = nn.Linear(LATENT_DIM, top * _BASE * _BASE)
        self.bn1d = nn.BatchNorm1d(top * _BASE * _BASE)
        blocks: list[nn.Module] = []
        for stage in range(size.stages, 0, -1):
            here = size.width(stage)
            blocks += [
                ResidualBlock(size.width(stage + 1), here),
                ResidualBlock(here, here),
                nn.Upsample(scale_factor=2),
            ]
        blocks += [ResidualBlock(size.width(1), size.width(0)), ResidualBlock(size.width(0), size.width(0))]
        self.resnet = nn.Sequential(*blocks)
        self.conv_img = nn.Conv2d(size.width(0), 3, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        first = functional.leaky_relu(self.bn1d(self.fc(z)), _SLOPE)
        return self.conv_img(self.resnet(first.view(-1, *self.first_shape))).tanh()
