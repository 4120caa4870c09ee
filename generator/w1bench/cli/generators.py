"""`w1bench generator`: image generators are sampled, converted and trained."""

from pathlib import Path
from typing import Annotated

import typer

from w1bench.cli.terminal import options
from w1bench.cli.terminal.options import Device, Json, show
from w1bench.errors import InputError

app = typer.Typer(no_args_is_help=True, help="Image generators: sample, convert, train.")
Checkpoint = Annotated[Path, typer.Argument(help="A checkpoint, or an exported program.")]
Architecture = Annotated[
    str, typer.Option(help="What it is a checkpoint of, e.g. wgan-qc-resnet-32; see docs/images.md.")
]


@app.command("sample")
def sample_generator(
    checkpoint: Checkpoint,
    architecture: Architecture,
    out: Annotated[Path, typer.Option(help="A grid (.png), or the raw (n, channels, height, width) array (.npy).")],
    latents: Annotated[
        Path | None, typer.Option(help="A .npy of latents (n, dimension) in place of drawn ones.")
    ] = None,
    n: Annotated[int, typer.Option(min=1, help="How many are drawn.")] = 64,
    seed: Annotated[int, typer.Option(min=0, help="Of the latents that are drawn.")] = 0,
    latent: Annotated[int, typer.Option(min=1, help="Dimension of the latents that are drawn.")] = 128,
    device: Annotated[Device, typer.Option(help="Where the network runs.")] = Device.cpu,
    as_json: Json = False,
) -> None:
    """Pictures of a generator."""
    from w1bench.rng import stream
    from w1bench.sources.generators.pushforward import load_generator, read_latents
    from w1bench.sources.images.picture_files import check_picture_path, write_pictures

    check_picture_path(out)
    if latents is not None and (n, seed, latent) != (64, 0, 128):
        raise InputError("--n, --seed and --latent are of drawn latents; leave them out with --latents.")
    read = None if latents is None else read_latents(latents)
    dimension = latent if read is None else read.shape[1]
    generator = load_generator(checkpoint, architecture, latent=dimension, device=device.value)
    pictures = generator.draw(stream(seed, "generator.sample", 0), n) if read is None else generator.decode(read)
    write_pictures(out, pictures)
    show(as_json, {"file": str(out), "shape": list(pictures.shape)}, f"{out}: pictures of shape {pictures.shape}")


@app.command("convert")
def convert_generator(
    checkpoint: Checkpoint,
    architecture: Architecture,
    out: Annotated[Path, typer.Option(help="The .safetensors file to write.")],
    as_json: Json = False,
) -> None:
    """Write a checkpoint as safetensors."""
    from w1bench.sources.generators.checkpoints import convert

    convert(checkpoint, architecture, out)
    show(as_json, {"file": str(out)}, f"{out} holds the same network.")


@app.command("train")
def train_generator(
    out: Annotated[
        Path, typer.Argument(help="The .safetensors file to write; its figures (.json) and a grid (.png) go beside it.")
    ],
    root: Annotated[
        Path | None, typer.Option(help="A folder of photographs; default: those that scikit-image carries.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of either network.")] = 14_000,
    batch: Annotated[int, typer.Option(min=2, max=4096, help="Patches of a step.")] = 32,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, batches and the patches held out.")] = 0,
    device: Annotated[Device, typer.Option(help="Where the networks run.")] = Device.cpu,
    as_json: Json = False,
) -> None:
    """Train a small generator on patches of photographs; it is saved every minute, and an interrupted training is resumed."""
    from tqdm import tqdm

    from w1bench.sources.generators.training.gan import Training
    from w1bench.sources.generators.training.train import train_on_photographs

    training = Training(steps=steps, batch=batch, seed=seed)
    # `disable=None` draws no bar without a terminal.
    with tqdm(total=steps, unit="step", leave=False, disable=None) as bar:
        figures = train_on_photographs(
            out,
            training,
            root=None if root is None else str(root),
            device=device.value,
            report=lambda progress: options.advance(bar, progress.step),
        )
    fidelity = figures["fidelity"]
    show(
        as_json,
        {"file": str(out), **figures},
        f"{out}: sliced W1 to held-out patches {fidelity['samples']} (training patches {fidelity['training']}, a Gaussian "
        f"{fidelity['gaussian']}).",
    )
