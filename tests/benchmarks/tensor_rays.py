"""Rays through a (B, D, N) tensor, in float32: how the published algorithm finds them, and what ours is measured against.

Korotin, Kolesov, Burnaev (NeurIPS 2022), section 4, written plainly in torch: targets and centres are each repeated to
(B, D, N) and subtracted, so that three such tensors are alive at once. The own funnel is left out of the crossings, where
it would divide zero by zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

TENSORS = 3  # of size (B, D, N) that are alive at once: targets, centres, differences


class TensorSample(NamedTuple):
    """Inputs (B, D), the potential's gradient there (B, D), and the potentials at inputs and targets, two (B,)."""

    input: Tensor
    gradient: Tensor
    input_potential: Tensor
    target_potential: Tensor


@dataclass(frozen=True)
class TensorMap:
    """The ray-monotone map of power `power` for centres (N, D) and offsets (N,) in the cube of `half_width`."""

    center: Tensor
    offset: Tensor
    half_width: float
    power: float

    def move(self, target: Tensor) -> TensorSample:
        """Inputs of `target` (B, D) with their truth, by autograd."""
        moved, value = self.inputs(target)
        x = moved.requires_grad_()
        near = self._values(x).min(dim=1).values
        (slope,) = torch.autograd.grad(near.sum(), x)
        return TensorSample(moved.detach(), -slope, -near.detach(), -value)

    @torch.no_grad()
    def inputs(self, target: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs of `target` (B, D), and u at the targets (B,)."""
        value, own = self._values(target).min(dim=1)
        start = self.center[own]
        step = target - start
        s = step.norm(dim=1, keepdim=True)
        v = step / s
        wall = ((v.sign() * self.half_width - target) / v).abs().min(dim=1).values
        crossing = self._crossings(target, v, value, own).min(dim=1).values
        length = s + torch.minimum(wall, crossing)[:, None]
        return start + length * (s / length) ** self.power * v, value

    def _values(self, points: Tensor) -> Tensor:
        """||x - a_n|| + b_n, (B, N)."""
        return torch.cdist(points, self.center) + self.offset

    def _crossings(self, target: Tensor, v: Tensor, value: Tensor, own: Tensor) -> Tensor:
        """How far beyond its target each ray meets each other funnel, (B, N), infinite where it never does."""
        batch, count = len(target), len(self.offset)
        difference = target[:, :, None].repeat(1, 1, count) - self.center.T[None].repeat(batch, 1, 1)  # (B, D, N)
        slack = value[:, None] - self.offset  # (B, N)
        along = torch.bmm(v[:, None, :], difference).squeeze(1)  # (B, N)
        r = (difference.norm(dim=1).square() - slack.square()) / (2 * (slack - along))
        met = (r > 0) & (r > -slack)
        return r.where(met, torch.inf).scatter(1, own[:, None], torch.inf)
