"""Sliced: the mean of the exact potentials of one-dimensional projections.

Rabin, Peyré, Delon, Bernot, "Wasserstein barycenter and its application to texture mixing", SSVM 2011: f(x) = mean over unit
directions v of phi_v(<v, x>), where phi_v' = sign(F_Q - F_P) of the projected samples' distribution functions is the optimal
potential on the line. The dual value E_P f - E_Q f is the sliced distance, the mean of |F_Q - F_P|'s integrals.
"""

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from w1bench.solvers.learners.witness import WitnessLearner, one_sample
from w1bench.solvers.protocol import Learner, Settings


@dataclass(frozen=True)
class Sliced:
    """The mean potential of `directions` random projections of two samples."""

    directions: int = 1024
    tag: str = "sliced"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return one_sample(shape)

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        witness = _Slices(self.directions, settings.batch, prod(shape))
        return WitnessLearner(witness, witness.fit)


class _Slices(nn.Module):
    """Potentials on lines: between one of a line's sorted `knots` and the next, phi rises from `heights` with `slopes`."""

    directions: Tensor  # (K, D)
    knots: Tensor  # (K, 2n)
    slopes: Tensor
    heights: Tensor

    def __init__(self, directions: int, count: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("directions", normalize(torch.randn(directions, dim), dim=1))
        for name in ("knots", "slopes", "heights"):
            self.register_buffer(name, torch.zeros(directions, 2 * count))

    def fit(self, x: Tensor, y: Tensor) -> Tensor:
        knots, order = (self.directions @ torch.cat([x, y]).flatten(1).T).sort(dim=1)
        surplus = torch.where(order < len(x), -1, 1).cumsum(dim=1)  # n (F_Q - F_P) right of a knot
        steps = knots.diff(dim=1, append=knots[:, -1:])
        rises = surplus.sign() * steps
        self.knots.copy_(knots)
        self.slopes.copy_(surplus.sign())
        self.heights.copy_(rises.cumsum(dim=1) - rises)
        return (surplus.abs() * steps).sum(dim=1).mean() / len(x)

    def forward(self, x: Tensor) -> Tensor:
        along = (self.directions @ x.flatten(1).T).contiguous()  # (K, B)
        right = torch.searchsorted(self.knots, along.detach(), right=True)  # how many knots lie left of a point
        at = (right - 1).clamp(min=0)
        slopes = self.slopes.gather(1, at) * (right > 0)  # flat left of all knots
        return (self.heights.gather(1, at) + slopes * (along - self.knots.gather(1, at))).mean(dim=0)
