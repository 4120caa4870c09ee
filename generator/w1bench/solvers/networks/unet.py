"""The UNet that moves pictures.

Ronneberger, Fischer, Brox, "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015, in the shape
of the paper's movers: four halvings from 24 channels up, batch normalisation, bilinear upsampling.
"""

import torch
from torch import Tensor, nn

_BASE = 24
_DEPTH = 4


class UNet(nn.Module):
    """Pictures (n, channels, H, W) to pictures of the same shape; H and W are multiples of 16."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        # The widest level has no more channels than the one above it, because bilinear upsampling does not halve them.
        widths = [_BASE << level for level in range(_DEPTH)] + [_BASE << (_DEPTH - 1)]
        self.enter = _twice(channels, _BASE, _BASE)
        self.down = nn.ModuleList(_twice(widths[i], widths[i + 1], widths[i + 1]) for i in range(_DEPTH))
        narrow = [_BASE, *widths[:-2]]  # what each level passes up
        self.up = nn.ModuleList(_twice(2 * widths[i], widths[i], narrow[i]) for i in range(_DEPTH))
        self.leave = nn.Conv2d(_BASE, channels, 1)
        self.shrink = nn.MaxPool2d(2)
        self.rise = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)

    def forward(self, x: Tensor) -> Tensor:
        levels = [self.enter(x)]
        for block in self.down:
            levels.append(block(self.shrink(levels[-1])))
        up = levels.pop()
        for block in reversed(self.up):
            up = block(torch.cat([levels.pop(), self.rise(up)], dim=1))
        return self.leave(up)


def _twice(channels: int, middle: int, out: int) -> nn.Sequential:
    """Two 3x3 convolutions with batch normalisation."""
    return nn.Sequential(
        nn.Conv2d(channels, middle, 3, padding=1, bias=False),
        nn.BatchNorm2d(middle),
        nn.ReLU(),
        nn.Conv2d(middle, out, 3, padding=1, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU(),
    )
