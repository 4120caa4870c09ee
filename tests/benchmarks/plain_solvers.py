"""Plain solvers: one step of each published method as it is usually written, without any of our savings.

Inputs and targets pass a critic one after the other; a mover is evaluated afresh wherever its result is used, and gradients are
taken of everything; distances come from a (B, B, D) difference in MM:B and MM:Bv2; orthogonal weights by torch's default map, once a
pass; sorting by torch.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import orthogonal, spectral_norm

from w1bench.solvers.learners.three_players import mover_steps
from w1bench.solvers.protocol import Settings

Step = Callable[[Tensor, Tensor], object]
Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]


def plain_step(name: str, dim: int, settings: Settings) -> Step:
    """A step of method `name` on x, y (B, D)."""
    match name:
        case "wc":
            return _of_critic(_critic(dim), _clamped, settings)
        case "gp":
            return _of_critic(
                _critic(dim), lambda f, x, y: _difference(f, x, y) + 10 * _penalty(f, x, y, one_sided=False), settings
            )
        case "lp":
            return _of_critic(
                _critic(dim), lambda f, x, y: _difference(f, x, y) + 10 * _penalty(f, x, y, one_sided=True), settings
            )
        case "sn":
            layers = [spectral_norm(m, n_power_iterations=5) if isinstance(m, nn.Linear) else m for m in _critic(dim)]
            return _of_critic(nn.Sequential(*layers), _difference, settings)
        case "so":
            return _of_critic(_orthogonal(dim, _FullSort()), _difference, settings)
        case "kr":
            return _of_critic(_orthogonal(dim, _PairSort()), _difference, settings)
        case "ls":
            return _ls(dim, settings)
        case "mmb":
            return _of_critic(_critic(dim), _mmb, settings)
        case "mmbv2":
            return _of_critic(_critic(dim), _mmbv2, settings)
        case "mm":
            forward = _movers(dim, settings)
            return lambda x, y: forward(y, x)
        case _:
            assert name == "mmr", name
            return _movers(dim, settings)


def _critic(dim: int, out: int = 1) -> nn.Sequential:
    width = max(2 * dim, 128)
    return nn.Sequential(
        nn.Linear(dim, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, out)
    )  # fmt: skip


def _of_critic(critic: nn.Module, loss: Loss, settings: Settings) -> Step:
    optimiser = _adam(critic, settings)
    return lambda x, y: _descend(optimiser, loss(critic, x, y))


def _adam(network: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    return torch.optim.Adam(network.parameters(), lr=settings.learning_rate, betas=settings.betas)


def _descend(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def _difference(f: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return f(y).mean() - f(x).mean()


def _clamped(f: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    for name, parameter in f.named_parameters():
        if "weight" in name:
            parameter.data.clamp_(-0.04, 0.04)
    return _difference(f, x, y)


def _penalty(f: nn.Module, x: Tensor, y: Tensor, *, one_sided: bool) -> Tensor:
    t = torch.rand(len(x), 1)
    z = (t * y + (1 - t) * x).requires_grad_()
    values = f(z)
    (gradient,) = torch.autograd.grad(values, z, torch.ones_like(values), create_graph=True, retain_graph=True)
    excess = gradient.norm(2, dim=1) - 1
    return (excess.clamp(min=0) if one_sided else excess).square().mean()


def _orthogonal(dim: int, activation: nn.Module) -> nn.Module:
    layers = [orthogonal(m) if isinstance(m, nn.Linear) else activation for m in _critic(dim)]
    return nn.Sequential(*layers)


class _FullSort(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sort(dim=1).values


class _PairSort(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.view(len(x), -1, 2).sort(dim=2).values.view(len(x), -1)


def _ls(dim: int, settings: Settings) -> Step:
    f, g = _critic(dim), _critic(dim)
    optimiser = _adam(nn.ModuleList([f, g]), settings)

    def step(x: Tensor, y: Tensor) -> None:
        excess = (f(x) + g(y) - (x - y).norm(dim=1, keepdim=True)).clamp(min=0)
        _descend(optimiser, -(f(x).mean() + g(y).mean()) + (excess**2 / (4 * 0.01)).mean())

    return step


def _mmb(f: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    cost = torch.cdist(y, x, compute_mode="donot_use_mm_for_euclid_dist")
    nearest = x[(cost - f(x).T).argmin(dim=1)]
    return -(f(x).mean() + ((nearest - y).norm(dim=1, keepdim=True) - f(nearest)).mean())


def _mmbv2(f: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    cost = torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
    at_x, at_y = f(x), f(y)
    L1 = at_x.mean() - at_y.mean()
    L2 = at_x.mean() + (cost - at_x).min(dim=0).values.mean()
    L3 = -at_y.mean() + (cost + at_y.T).min(dim=1).values.mean()
    return -(L2 if L2 < L1 else L3 if L3 < L1 else L1)


def _movers(dim: int, settings: Settings) -> Step:
    """On points to move and points that they should end among."""
    critic, mover = _critic(dim), _critic(dim, dim)
    of_critic, of_mover = _adam(critic, settings), _adam(mover, settings)

    def value(start: Tensor, end: Tensor) -> Tensor:
        return critic(end).mean() + ((mover(start) - start).norm(dim=1, keepdim=True) - critic(mover(start))).mean()

    def step(start: Tensor, end: Tensor) -> None:
        for _ in range(mover_steps((dim,))):
            _descend(of_mover, value(start, end))
        _descend(of_critic, -value(start, end))

    return step
