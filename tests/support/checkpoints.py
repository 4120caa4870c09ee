"""Checkpoints of image generators, as training might leave them."""

from __future__ import annotations

import torch
from torch import Tensor

from w1bench.sources.generators.checkpoints import RESNETS
from w1bench.sources.generators.resnet import ResNetGenerator

SMALL = "wgan-qc-resnet-32-small"
State = dict[str, Tensor]


def random_state(architecture: str, seed: int = 0) -> State:
    """A checkpoint as training might leave it: random weights, and running statistics that are not 0 and 1."""
    rng = torch.Generator().manual_seed(seed)
    state: State = {}
    for name, tensor in ResNetGenerator(RESNETS[architecture]).state_dict().items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(7)
        elif name.endswith("running_var"):
            state[name] = 0.5 + torch.rand(tensor.shape, generator=rng)
        else:
            fan_in = max(1, tensor[0].numel()) if tensor.dim() > 1 else 4
            state[name] = torch.randn(tensor.shape, generator=rng) / fan_in**0.5
    return state
