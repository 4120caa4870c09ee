"""The training of a small generator on patches of photographs: from the pictures to the weights and their figures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import save

from w1bench.errors import SourceError
from w1bench.rng import stream
from w1bench.sources.generators.checkpoints import RESNETS
from w1bench.sources.generators.pushforward import GeneratedPictures, resolve_device
from w1bench.sources.generators.resnet import LATENT_DIM, ResNetGenerator
from w1bench.sources.generators.training.fidelity import measure
from w1bench.sources.generators.training.gan import Progress, Training, train
from w1bench.sources.generators.training.split import split
from w1bench.sources.images.photographs import photograph_patches
from w1bench.sources.images.picture_files import write_pictures
from w1bench.storage.files import exclusive, write_atomically

ARCHITECTURE = "wgan-qc-resnet-32-small"
_SHOWN = 100  # pictures of the grid


def train_on_photographs(
    out: Path,
    training: Training,
    *,
    root: str | None = None,
    device: str = "cpu",
    rows: int = 4096,
    report: Callable[[Progress], None] | None = None,
) -> Mapping[str, Any]:
    """Write the weights to `out` (.safetensors), and beside them a grid of samples (.png) and figures of `rows` pictures (.json).

    Returns:
        The figures, as they are written.

    Raises:
        SourceError: `out` does not name a new .safetensors file, or another process is training it; the device cannot be used; or
            photographs are unreadable or too small.
        MissingExtraError: no folder was given and scikit-image is not installed.
    """
    if out.suffix != ".safetensors" or not out.parent.is_dir():
        raise SourceError(
            f"The file to write came as {out}; give one that ends in .safetensors, in a folder that exists."
        )
    if out.exists():
        raise SourceError(f"{out} exists already; remove it, or give another name.")
    taken = SourceError(f"Another process is training {out}; wait for it to end, or give another name.")
    with exclusive(out.with_name(f".{out.name}.lock"), taken):
        return _train(out, training, root, device, rows, report)


def _train(
    out: Path, training: Training, root: str | None, device: str, rows: int, report: Callable[[Progress], None] | None
) -> Mapping[str, Any]:
    on, size = resolve_device(device), RESNETS[ARCHITECTURE]
    photographs = photograph_patches(root, size.size).photographs
    digest = hashlib.sha256(b"".join(hashlib.sha256(p.tobytes()).digest() for p in photographs)).hexdigest()
    training_patches, held_out = split(photographs, size.size, training.seed)
    torch.manual_seed(training.seed)
    network = _in_format(ResNetGenerator(size).to(on), torch.channels_last)  # a fifth faster on a processor
    averaged, done = train(
        network,
        lambda k: torch.from_numpy(training_patches.draw(stream(training.seed, "generator.train", k), training.batch)),
        training,
        checkpoint=out.with_name(f".{out.name}.checkpoint"),
        pictures=digest,
        report=report,
    )
    averaged = _in_format(averaged, torch.contiguous_format)
    pictures = GeneratedPictures(averaged, LATENT_DIM, (3, size.size, size.size), on)
    figures = {
        "architecture": ARCHITECTURE,
        "training": asdict(training),
        "pictures": digest,
        "outcome": asdict(done),
        "fidelity": measure(
            pictures.draw, training_patches.draw, held_out.draw, seed=training.seed, rows=rows
        ).summary(),
    }
    write_pictures(out.with_suffix(".png"), pictures.draw(stream(training.seed, "generator.sample", 0), _SHOWN))
    write_atomically(out.with_suffix(".json"), (json.dumps(figures, indent=1) + "\n").encode())
    write_atomically(out, save(averaged.state_dict(), metadata={"architecture": ARCHITECTURE}))
    out.with_name(f".{out.name}.checkpoint").unlink(missing_ok=True)
    return figures


def _in_format(network: ResNetGenerator, memory_format: torch.memory_format) -> ResNetGenerator:
    return cast(Any, network).to(memory_format=memory_format)  # torch's annotations lack this overload
