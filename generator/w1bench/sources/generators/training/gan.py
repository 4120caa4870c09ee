"""Training of a ResNet generator on patches, as a relativistic GAN with gradient penalties on both sides.

Jolicoeur-Martineau, "The relativistic discriminator", ICLR 2019, with the zero-centred penalties R1 and R2 on real and generated
pictures (Mescheder, Geiger, Nowozin, ICML 2018), which together converge: Huang, Gokaslan, Kuleshov, Tompkin, "The GAN is dead; long live
the GAN! A modern baseline GAN", NeurIPS 2024. What is kept is the exponential moving average of the weights.
"""

from __future__ import annotations

import copy
import math
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from w1bench.sources.generators.resnet import LATENT_DIM, ResNetGenerator
from w1bench.storage.files import atomic_write

# Batch number k of real pictures, (batch, 3, height, width) in [-1, 1].
Sampler = Callable[[int], Tensor]
_SAVE_EVERY = 60.0  # seconds between checkpoints
_REPORT_EVERY = 50  # steps


@dataclass(frozen=True)
class Training:
    """What is trained, for how long, and how."""

    steps: int = 14_000
    batch: int = 32
    learning_rate: float = 4e-4  # of both networks, to a tenth of it along a cosine
    penalty: float = 0.1  # weight of E ||grad D||^2 / 2, on real and on generated pictures
    critic_filters: int = 16
    average: float = 0.999  # of the weights that are kept, per step
    seed: int = 0


@dataclass(frozen=True)
class Progress:
    """How far a training is: steps done, the losses of the two networks, seconds they took."""

    step: int
    generator_loss: float
    critic_loss: float
    seconds: float


class _State(nn.Module):
    """Both networks, the average of the generator, and their optimisers."""

    def __init__(self, network: ResNetGenerator, training: Training) -> None:
        super().__init__()
        self.network, self.averaged = network, copy.deepcopy(network)
        self.critic = _critic(training.critic_filters)
        self.optimisers = [
            torch.optim.Adam(part.parameters(), lr=training.learning_rate, betas=(0.0, 0.99))
            for part in (self.network, self.critic)
        ]

    def update(self, z: Tensor, real: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
        """One step of each network; returns their losses before it."""
        fake = self.network(z)
        for_generator = functional.softplus(self.critic(real) - self.critic(fake)).mean()
        for_critic = _critic_loss(self.critic, real, fake.detach(), penalty)
        for optimiser, loss in zip(self.optimisers, (for_generator, for_critic), strict=True):
            parameters = [p for group in optimiser.param_groups for p in group["params"]]
            for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
                parameter.grad = gradient
        for optimiser in self.optimisers:
            optimiser.step()
        return for_generator.detach(), for_critic.detach()

    def average(self, keep: float) -> None:
        with torch.no_grad():
            for kept, new in zip(self.averaged.state_dict().values(), self.network.state_dict().values(), strict=True):
                kept.lerp_(new, 1 - keep) if kept.is_floating_point() else kept.copy_(new)


def train(
    network: ResNetGenerator,
    real: Sampler,
    training: Training,
    *,
    checkpoint: Path | None = None,
    pictures: str = "",
    report: Callable[[Progress], None] | None = None,
) -> tuple[ResNetGenerator, Progress]:
    """Train `network` in place, on its device, from `checkpoint` on where one of the same training on the same `pictures` is there.

    Returns:
        The moving average of the network, in evaluation mode, and how its training ended.
    """
    device = next(network.parameters()).device
    torch.manual_seed(training.seed)
    state, rng = _State(network, training).to(device), Generator(device)
    identity = {**asdict(training), "pictures": pictures}
    done = _resume(checkpoint, state, identity)
    started, saved = time.monotonic() - done.seconds, time.monotonic()
    state.train()
    for step in range(done.step, training.steps):
        _set_rate(state, training, step)
        rng.manual_seed((training.seed << 32) + step)
        z = torch.randn(training.batch, LATENT_DIM, generator=rng, device=device)
        losses = state.update(z, real(step).to(device), training.penalty)
        state.average(min(training.average, (1 + step) / (10 + step)))
        if (step + 1) % _REPORT_EVERY and step + 1 < training.steps:
            continue
        done = Progress(step + 1, float(losses[0]), float(losses[1]), time.monotonic() - started)
        if report is not None:
            report(done)
        if checkpoint is not None and time.monotonic() - saved > _SAVE_EVERY:
            _save(checkpoint, state, identity, done)
            saved = time.monotonic()
    return state.averaged.eval(), done


def _critic_loss(critic: nn.Module, real: Tensor, fake: Tensor, penalty: float) -> Tensor:
    """Relativistic logistic loss, and half the mean squared gradient norms on either side."""
    pictures = torch.cat([real, fake]).requires_grad_()
    values = critic(pictures)
    (gradient,) = torch.autograd.grad(values.sum(), pictures, create_graph=True)
    loss = functional.softplus(values[len(real) :] - values[: len(real)]).mean()
    return loss + penalty / 2 * gradient.square().sum() / len(real)


def _critic(filters: int) -> nn.Module:
    """A picture of 32 pixels to one value: full resolution once, then 4 x 4 convolutions of stride two."""

    def halve(fan_in: int) -> list[nn.Module]:
        return [nn.Conv2d(fan_in, 2 * fan_in, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]

    stages = [layer for stage in range(3) for layer in halve(filters << stage)]
    return nn.Sequential(
        nn.Conv2d(3, filters, 3, padding=1), nn.LeakyReLU(0.2), *stages, nn.Conv2d(filters << 3, 1, 4), nn.Flatten(0)
    )


def _set_rate(state: _State, training: Training, step: int) -> None:
    rate = training.learning_rate * (0.55 + 0.45 * math.cos(math.pi * step / training.steps))
    for optimiser in state.optimisers:
        for group in optimiser.param_groups:
            group["lr"] = rate


def _save(path: Path, state: _State, identity: dict[str, Any], done: Progress) -> None:
    content = {"identity": identity, "progress": asdict(done), "state": state.state_dict(),
               "optimisers": [o.state_dict() for o in state.optimisers]}  # fmt: skip
    with atomic_write(path) as file:
        torch.save(content, file)


def _resume(path: Path | None, state: _State, identity: dict[str, Any]) -> Progress:
    """Where a training stands: at its beginning, unless its own checkpoint is there and whole."""
    beginning = Progress(0, math.nan, math.nan, 0.0)
    if path is None or not path.exists():
        return beginning
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip() is not None
        content: dict[str, Any] = torch.load(path, weights_only=True)
        ours = not damaged and content["identity"] == identity
    except Exception:  # noqa: BLE001 - a damaged file may make the reader raise anything
        return beginning
    if not ours:
        return beginning
    state.load_state_dict(content["state"])
    for optimiser, saved in zip(state.optimisers, content["optimisers"], strict=True):
        optimiser.load_state_dict(saved)
    return Progress(**content["progress"])
