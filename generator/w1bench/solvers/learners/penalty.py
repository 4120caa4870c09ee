"""The gradient penalty that GP, LP and TTC share: slopes of the critic between random pairs of points."""

import torch
from torch import Generator, Tensor, nn


def slopes(critic: nn.Module, x: Tensor, y: Tensor, rng: Generator) -> Tensor:
    """||grad f(z)|| at z = t y + (1 - t) x with t ~ U[0, 1] a pair, differentiable in the critic: (B,)."""
    t = torch.rand(len(x), *[1] * (x.dim() - 1), generator=rng, device=x.device, dtype=x.dtype)
    z = torch.lerp(x, y, t).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(z).sum(), z, create_graph=True)
    return gradient.flatten(1).norm(dim=1)
