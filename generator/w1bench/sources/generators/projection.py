"""The projection of a real picture x on the range of a generator: G(argmin_z ||G(z) - x||), by Adam from z = 0.

Zhu, Krähenbühl, Shechtman, Efros, "Generative visual manipulation on the natural image manifold", ECCV 2016, without an encoder.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from w1bench.errors import SourceError
from w1bench.recipes.sources import Projection
from w1bench.sources.generators.pushforward import GeneratedPictures, recipe_generator
from w1bench.sources.pictures import Pictures

_LEARNING_RATE = 0.05


@dataclass(frozen=True)
class ProjectedPictures:
    """The twins of `pictures`: what `generator` makes nearest to each, found by `steps` steps of Adam."""

    pictures: Pictures
    generator: GeneratedPictures
    steps: int

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.generator.shape

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.float32]:
        """The twins of `count` independent pictures, (count, *shape)."""
        return self.generator.decode(self.latents(self.pictures.draw(rng, count)))

    def latents(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        """argmin_z ||G(z) - x|| for each of `pictures` (n, *shape): (n, latent)."""
        return np.concatenate([self._nearest(batch) for batch in self.generator.batches(pictures)])[: len(pictures)]

    def _nearest(self, pictures: Tensor) -> NDArray[np.float32]:
        """The latents of one batch; each row has a loss of its own, and Adam takes each by itself."""
        z = torch.zeros(len(pictures), self.generator.latent, device=pictures.device, requires_grad=True)
        optimiser = torch.optim.Adam([z], lr=_LEARNING_RATE)
        with torch.enable_grad():
            for _ in range(self.steps):
                loss = (self.generator.network(z) - pictures).square().sum()
                (z.grad,) = torch.autograd.grad(loss, z)
                optimiser.step()
        return z.detach().cpu().numpy()


def project(pictures: Pictures, through: Projection, device: str) -> ProjectedPictures:
    """`pictures` through the generator of a recipe.

    Raises:
        SourceError: the generator's pictures have another shape, or it has no gradient with respect to its latents.
    """
    generator = recipe_generator(through, device)
    if generator.shape != pictures.shape:
        raise SourceError(
            f"The generator makes pictures of shape {generator.shape}, and those to project have {pictures.shape}; they must agree."
        )
    z = next(generator.batches(np.zeros((1, generator.latent), np.float32)))
    if not generator.network(z.requires_grad_()).requires_grad:
        raise SourceError(
            f"{through.checkpoint} has no gradient with respect to its latents, which projection needs; give a state dict, "
            "TorchScript or torch.export."
        )
    return ProjectedPictures(pictures, generator, through.steps)
