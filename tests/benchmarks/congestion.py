"""Congestion: what gradient penalties compute, trained on a disc and its centre, where the optimum is known, and in the published values on pictures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from report import parse, publish, table
from torch import nn

from w1bench.diagnostics.congestion import Congestion, congestion, debiased_w1
from w1bench.diagnostics.optimum import ball_pair
from w1bench.diagnostics.plane import congestion_map, disagreement, transport_density
from w1bench.solvers.learners.critic import CriticLearner
from w1bench.solvers.methods.lp import LP
from w1bench.solvers.methods.lp_alm import LPALM
from w1bench.solvers.networks.architectures import Scalar
from w1bench.solvers.protocol import Learner, Settings

RADIUS, BATCH, RATE, SAMPLES = 10.0, 512, 5e-3, 200_000
W1 = 2 / 3 * RADIUS
# (W1, raw) of Korotin, Kolesov, Burnaev (NeurIPS 2022): metrics/ of github.com/justkolesov/Wasserstein1Benchmark.
PUBLISHED = {
    "CelebA, N = 1": (58.378, 214.131, 215.234), "CelebA, N = 16": (29.782, 64.389, 66.019),
    "CIFAR-10, N = 1": (29.657, 66.248, 66.793), "CIFAR-10, N = 16": (18.824, 36.163, 36.754),
}  # fmt: skip
_TRAINED = """\
Critics that are trained for {steps:,} steps of {batch} draws (Adam, betas .9 and .99, rate 5e-3 to 0 by a cosine) to tell the centre of a disc of radius 10 (P) from the disc (Q):
W1 = 6.6667. They are the published [2, 128, 128, 1] with ReLU, which stays the best cone, of raw value 8.889 at weight 10, for thousands of steps, and [2, 64, 64, 1] with SiLU, for what is to be learned is curved;
all in units of the radius, in which the weight is a tenth. Exact are the optimum's raw value and its slope 1 + (10 + r) / (2 lam); the profile is the
mean slope in rings of width 1 for 1 < r < 9, and its error the largest difference. S and R are residuals over their sizes, the map's error half the absolute
difference of the congestion map and the transport density, on 20 x 20 cells."""
_PRINTED = """\
The published values of gradient penalties on pictures (weight 10, so that lam = 20), and what they are when the congestion of two point masses,
raw = L + L^2 / lam, is taken back; nothing is fitted."""


def main() -> None:
    run = parse("congestion", __doc__)
    torch.set_num_threads(1)
    steps = 300 if run.quick else 5_000
    sections = [_TRAINED.format(steps=steps, batch=BATCH), _trained(steps), _PRINTED, _published()]
    publish(run, "Congestion", sections, packages=("w1bench", "torch", "numpy"))


def _published() -> str:
    rows = [
        (pair, method, f"{w1:.2f}", f"{raw:.2f}", f"{raw / w1 - 1:.1%}", f"{debiased_w1(raw, 20.0):.2f}", f"{debiased_w1(raw, 20.0) / w1 - 1:.1%}")
        for pair, (w1, *values) in PUBLISHED.items()
        for method, raw in zip(("GP", "LP"), values, strict=True)
    ]  # fmt: skip
    return table(("pair", "method", "W1", "raw", "deviation", "taken back", "deviation"), rows)


def _trained(steps: int) -> str:
    rows: list[tuple[Any, ...]] = []
    for name, method, weight, curved in (
        ("LP, weight 10, SiLU", LP(10 / RADIUS), 10.0, True), ("LP, weight 10", LP(10 / RADIUS), 10.0, False),
        ("LP, weight 100", LP(100 / RADIUS), 100.0, False), ("LP, weight 1000", LP(1000 / RADIUS), 1000.0, False),
        ("LP-ALM", LPALM(10 / RADIUS), 10.0, False),
    ):  # fmt: skip
        settings = Settings(steps, BATCH, RATE, (0.9, 0.99))
        torch.manual_seed(0)
        learner = (
            CriticLearner(_curved(), method.loss, settings)
            if curved and isinstance(method, LP)
            else method.learner((2,), settings)
        )
        found, profile, drawn = _figures(learner, steps, weight)
        exact = ball_pair(2, math.inf, RADIUS, 2 * weight)
        r = np.arange(1.5, 9)
        error = np.abs(profile - exact.slope_at(r)).max()
        known = name.startswith("LP,")
        rows.append((
            name, f"{found.raw:.3f}", f"{exact.raw:.3f}" if known else f"{W1:.3f}", f"{found.raw / W1:.4f}", f"{found.gradient_w1:.3f}",
            f"{found.debiased_w1:.3f}" if known else "-", f"{error:.3f}" if known else "-",
            f"{found.stationarity.value / found.raw:.4f}" if known else "-", f"{found.square.value / found.square.scale:.4f}" if known else "-", f"{drawn:.2f}" if known else "-",
            "yes" if found.is_congested else "no",
        ))  # fmt: skip
        print(rows[-1], flush=True)
    header = (
        "critic",
        "raw",
        "exact",
        "raw / W1",
        "gradients' W1",
        "taken back",
        "profile's error",
        "S",
        "R",
        "map's error",
        "congested",
    )
    return table(header, rows)


def _figures(learner: Learner, steps: int, weight: float) -> tuple[Congestion, np.ndarray, float]:
    """Train; the congestion of the critic on fresh draws, its mean slope in rings, and the disagreement of its map with the transport density."""
    rng = torch.Generator()
    for step in range(steps):
        for group in learner.optimisers[0].param_groups:
            group["lr"] = RATE * (1 + math.cos(math.pi * step / steps)) / 2
        rng.manual_seed(step)
        learner.update(torch.zeros(BATCH, 2), _disc(BATCH, rng) / RADIUS, rng)
    rng.manual_seed(1 << 40)
    x, y, other = torch.zeros(SAMPLES, 2), _disc(SAMPLES, rng), _disc(SAMPLES, rng)
    z = (torch.rand(SAMPLES, 1, generator=rng) * other).requires_grad_()
    (gradient,) = torch.autograd.grad(RADIUS * learner.networks(z / RADIUS).sum(), z)
    with torch.no_grad():
        values = RADIUS * learner.networks(x).numpy(), RADIUS * learner.networks(y / RADIUS).numpy()
    probe, g = z.detach().numpy(), gradient.numpy()
    found = congestion(weight, values=values, probe=probe, probe_gradient=g, inputs=x.numpy(), targets=y.numpy())
    r, slope = np.linalg.norm(probe, axis=1), np.linalg.norm(g, axis=1)
    profile = np.array([slope[(r > low) & (r < low + 1)].mean() for low in range(1, 9)])
    flow = congestion_map(probe, g, 2 * weight, RADIUS, 20), transport_density(x.numpy(), y.numpy(), RADIUS, 20)
    return found, profile, disagreement(*flow)


def _curved() -> nn.Module:
    """Its first layer is four times as steep as usual, for the tip of a cone."""
    first = nn.Linear(2, 64)
    with torch.no_grad():
        for parameter in first.parameters():
            parameter *= 4
    return Scalar(nn.Sequential(first, nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1)))


def _disc(count: int, rng: torch.Generator) -> torch.Tensor:
    normal = torch.randn(count, 2, generator=rng)
    return RADIUS * torch.rand(count, 1, generator=rng).sqrt() * torch.nn.functional.normalize(normal)


if __name__ == "__main__":
    main()
