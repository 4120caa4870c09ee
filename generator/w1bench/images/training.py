"""Training of the embedded generator: sliced W1 between batches of pictures and of their patches at several scales.

No critic is trained: the loss is the mean distance between sorted projections on random directions (Rabin, Peyre, Delon, Bernot,
"Wasserstein barycenter and its application to texture mixing", 2011; Deshpande, Zhang, Schwing, "Generative modeling using
the sliced Wasserstein distance", CVPR 2018), of whole pictures and, as in the metric of Karras, Aila, Laine, Lehtinen ("Progressive growing
of GANs", ICLR 2018), of patches of a Laplacian pyramid, so that both the colours and the texture of photographs are matched.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional

from w1bench.images.resnet import LATENT_DIM, ResNetGenerator

# Batch number k of real pictures, (batch, 3, height, width) in [-1, 1].
Sampler = Callable[[int], Tensor]


@dataclass(frozen=True)
class Training:
    """What is trained for how long, and what its loss is made of."""

    steps: int = 4000
    batch: int = 192
    learning_rate: float = 2e-3
    directions: int = 512  # of whole pictures, and of patches at each scale
    scales: int = 3
    patch: int = 7
    patch_places: int = 24  # of each picture at each scale
    patch_weight: float = 1.0
    average: float = 0.999  # of the weights that are kept, per step


@dataclass(frozen=True)
class Progress:
    """How far a training is."""

    step: int
    loss: float
    seconds: float


def train(
    network: ResNetGenerator,
    real: Sampler,
    training: Training,
    *,
    seed: int,
    report: Callable[[Progress], None] | None = None,
) -> ResNetGenerator:
    """Train `network` in place; returns its exponential moving average, in evaluation mode."""
    device = next(network.parameters()).device
    rng = Generator(device)
    optimiser = torch.optim.Adam(network.parameters(), lr=training.learning_rate, betas=(0.5, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, training.learning_rate, training.steps)
    averaged = copy.deepcopy(network)
    started = time.monotonic()
    network.train()
    for step in range(training.steps):
        rng.manual_seed((seed << 32) + step)
        z = torch.randn(training.batch, LATENT_DIM, generator=rng, device=device)
        loss = picture_distance(network(z), real(step).to(device), training, rng)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        _average(averaged, network, min(training.average, (1 + step) / (10 + step)))
        if report and (step + 1) % 50 == 0:
            report(Progress(step + 1, float(loss.detach()), time.monotonic() - started))
    return averaged.eval()


def picture_distance(fake: Tensor, real: Tensor, training: Training, rng: Generator) -> Tensor:
    """Sliced W1 of pictures, and of the patches of each level of their Laplacian pyramids, weighted."""
    total = sliced_w1(fake.flatten(1), real.flatten(1), training.directions, rng)
    for a, b in zip(laplacian(fake, training.scales), laplacian(real, training.scales), strict=True):
        patches = (random_patches(pictures, training, rng) for pictures in (a, b))
        total = total + training.patch_weight * sliced_w1(*patches, training.directions, rng)
    return total


def sliced_w1(a: Tensor, b: Tensor, directions: int, rng: Generator) -> Tensor:
    """Mean over random unit directions of W1 between the projections of a and of b, (n, D) each; n must be equal."""
    direction = torch.randn(a.shape[1], directions, generator=rng, device=a.device)
    direction = direction / direction.norm(dim=0)
    return ((a @ direction).sort(dim=0).values - (b @ direction).sort(dim=0).values).abs().mean()


def laplacian(pictures: Tensor, levels: int) -> list[Tensor]:
    """Differences of successive halvings, finest first, and the coarsest picture itself last."""
    pyramid: list[Tensor] = []
    for _ in range(levels - 1):
        coarse = functional.avg_pool2d(pictures, 2)
        pyramid.append(pictures - functional.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False))
        pictures = coarse
    return [*pyramid, pictures]


def random_patches(pictures: Tensor, training: Training, rng: Generator) -> Tensor:
    """Patches at random places, the same ones in every picture: (n places, channels patch patch)."""
    size = min(training.patch, pictures.shape[-1])
    columns = functional.unfold(pictures, size)  # (n, channels size size, positions)
    places = torch.randint(columns.shape[2], (training.patch_places,), generator=rng, device=pictures.device)
    return columns[:, :, places].transpose(1, 2).flatten(0, 1)


def _average(averaged: ResNetGenerator, network: ResNetGenerator, keep: float) -> None:
    with torch.no_grad():
        for kept, new in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
            if kept.is_floating_point():
                kept.lerp_(new, 1 - keep)
            else:
                kept.copy_(new)
