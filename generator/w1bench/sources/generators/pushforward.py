"""Image generators as distributions over pictures: latents z ~ N(0, I) through a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from w1bench.errors import SourceError
from w1bench.recipes.sources import GeneratorFile
from w1bench.sources.generators import checkpoints
from w1bench.sources.generators.catalogue import EMBEDDED
from w1bench.sources.generators.checkpoints import RESNETS, Network
from w1bench.sources.generators.resnet import LATENT_DIM
from w1bench.storage.files import content_sha256

ARCHITECTURES = (*RESNETS, "torchscript", "exported", "onnx")
_BATCH = 64  # always as many latents at once, so that a picture's bits do not depend on how many were asked for


@dataclass(frozen=True)
class GeneratedPictures:
    """A generator in evaluation mode; pictures are computed in float32 on `device`."""

    network: Network
    latent: int
    shape: tuple[int, int, int]
    device: torch.device

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.float32]:
        """`count` independent pictures, (count, *shape)."""
        return self.decode(rng.standard_normal((count, self.latent), dtype=np.float32))

    def decode(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
        """The pictures of latents (n, latent): (n, *shape); raises SourceError where a pixel lies outside [-1, 1]."""
        with torch.inference_mode():
            parts = [self.network(batch).float().cpu() for batch in self.batches(z)]
        pictures = torch.cat(parts)[: len(z)]
        if len(pictures) and not float(pictures.abs().max()) <= 1:
            raise SourceError(
                f"The generator makes pixels up to {float(pictures.abs().max()):.3g}; they must lie in [-1, 1]."
            )
        return pictures.numpy()

    def batches(self, rows: NDArray[np.float32]) -> Iterator[torch.Tensor]:
        """`rows` in batches as the network takes them, on its device; the last is filled up with zeros."""
        for start in range(0, len(rows), _BATCH):
            batch = np.zeros((_BATCH, *rows.shape[1:]), np.float32)
            part = rows[start : start + _BATCH]
            batch[: len(part)] = part
            yield torch.from_numpy(batch).to(self.device)


def recipe_generator(file: GeneratorFile, device: str) -> GeneratedPictures:
    """The generator that a recipe names: where the recipe says it lies, or among those that come with the package.

    Raises:
        SourceError: neither place holds the very file; or as `load_generator`.
    """
    for path in (Path(file.path or file.checkpoint), EMBEDDED / Path(file.checkpoint).name):
        if path.is_file() and content_sha256(path) == file.sha256:
            return load_generator(path, file.architecture, latent=file.latent, device=device)
    raise SourceError(
        f"Checkpoint {file.checkpoint} with SHA-256 {file.sha256} is not here; give its path with --checkpoint, or in a recipe."
    )


def load_generator(
    checkpoint: Path, architecture: str, *, latent: int = LATENT_DIM, device: torch.device | str = "cpu"
) -> GeneratedPictures:
    """The generator of a checkpoint: one of the WGAN-QC ResNets, or a TorchScript, exported or ONNX program.

    Raises:
        SourceError: there is no such architecture, the file does not fit it, or its output is not a picture in [-1, 1].
        MissingExtraError: the format needs a library that is not installed.
    """
    on = resolve_device(device)
    match architecture:
        case "torchscript":
            network = checkpoints.load_torchscript(checkpoint, on)
        case "exported":
            network = checkpoints.load_exported(checkpoint, on)
        case "onnx":
            network = checkpoints.load_onnx(checkpoint, on)
        case name if name in RESNETS:
            if latent != LATENT_DIM:
                raise SourceError(f"Latents came with dimension {latent}; those of {name} have {LATENT_DIM}.")
            network = checkpoints.load_resnet(checkpoint, name).to(on)
        case _:
            raise SourceError(f"There is no architecture {architecture!r}; there are: {', '.join(ARCHITECTURES)}.")
    return GeneratedPictures(network, latent, _picture_shape(network, latent, on, checkpoint), on)


def resolve_device(device: torch.device | str) -> torch.device:
    """The device of this name; raises SourceError where it cannot be used."""
    try:
        return torch.zeros(1, device=device).device
    except (RuntimeError, AssertionError) as error:
        raise SourceError(f"Device {device} cannot be used ({str(error).splitlines()[0]}); give cpu.") from None


def read_latents(path: Path) -> NDArray[np.float32]:
    """Latents (n, dimension) from a .npy file; raises SourceError where it holds none."""
    try:
        with path.open("rb") as file:
            latents = np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:  # noqa: BLE001 - a damaged header may make the reader raise anything
        raise SourceError(f"Latents {path} cannot be read ({error}); save them with numpy.save.") from None
    if latents.ndim != 2 or not latents.size or latents.dtype.kind != "f" or not (np.abs(latents) < 1e30).all():
        raise SourceError(
            f"Latents {path} came as {latents.dtype} of shape {latents.shape}; give finite floats of shape (n, dimension)."
        )
    return np.ascontiguousarray(latents, np.float32)


def _picture_shape(network: Network, latent: int, device: torch.device, checkpoint: Path) -> tuple[int, int, int]:
    """The shape of the pictures of a network, by asking it for a batch."""
    try:
        with torch.inference_mode():
            pictures = network(torch.zeros(_BATCH, latent, device=device))
    except Exception as error:  # noqa: BLE001 - a program may raise anything on latents that it was not made for
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise SourceError(
            f"{checkpoint} does not take {_BATCH} latents of dimension {latent} ({reason}); give source.latent, and export "
            f"it for batches of any size, or of {_BATCH}."
        ) from None
    if not isinstance(cast(Any, pictures), torch.Tensor):
        raise SourceError(f"{checkpoint} returns a {type(pictures).__name__}; it must return one tensor of pictures.")
    if pictures.dim() != 4 or len(pictures) != _BATCH or pictures.shape[1] not in (1, 3):
        raise SourceError(
            f"{checkpoint} makes arrays of shape {tuple(pictures.shape)} of {_BATCH} latents; pictures are "
            f"({_BATCH}, 3, height, width)."
        )
    channels, height, width = pictures.shape[1:]
    return (channels, height, width)
