"""Checkpoints of image generators: published state dicts, safetensors, and exported programs. Nothing is ever unpickled."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from w1bench.errors import MissingExtraError, SourceError
from w1bench.sources.generators.resnet import ResNetGenerator, ResNetSize
from w1bench.storage.files import write_atomically

# A network's evaluation: latents (n, latent) -> pictures (n, channels, height, width).
Network = Callable[[Tensor], Tensor]
RESNETS: dict[str, ResNetSize] = {
    "wgan-qc-resnet-32": ResNetSize(32),
    "wgan-qc-resnet-64": ResNetSize(64),
    "wgan-qc-resnet-32-small": ResNetSize(32, filters=16, most_filters=64),
}


def load_resnet(path: Path, architecture: str) -> ResNetGenerator:
    """A WGAN-QC generator in evaluation mode from a `.pt`, `.pth` or `.safetensors` state dict.

    The dict may be wrapped in {"state_dict": ...}, and its keys may carry DataParallel's prefix `module.`.

    Raises:
        SourceError: the file is unreadable, or a key is missing, unexpected or of another shape; the first one is named.
    """
    network = ResNetGenerator(RESNETS[architecture])
    try:
        network.load_state_dict(_fitting(read_state(path), network, path, architecture))
    except RuntimeError as error:  # sparse tensors, and whatever else cannot be copied
        raise SourceError(f"Checkpoint {path} does not fit {architecture}: {_first_line(error)}") from None
    return network.eval()


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name, without wrapping and prefix; raises SourceError where there are none."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise SourceError(f"Checkpoint {path} cannot be read ({error.strerror}); give the path of a file.") from None
    except Exception:  # noqa: BLE001 - a damaged file may make the readers raise anything
        raise SourceError(
            f"Checkpoint {path} cannot be read: it is damaged, or holds more than tensors, and nothing is unpickled; give a "
            ".safetensors file, or a .pt or .pth of network.state_dict()."
        ) from None
    if isinstance(state, Mapping) and isinstance(wrapped := cast(Any, state).get("state_dict"), Mapping):
        state = cast(Any, wrapped)
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in cast(Any, state).items()
    ):
        raise SourceError(f"Checkpoint {path} holds no state dict; save network.state_dict().")
    tensors = cast("Mapping[str, Tensor]", state)
    return {name.removeprefix("module."): tensor for name, tensor in tensors.items()}


def convert(path: Path, architecture: str, out: Path) -> None:
    """Write a checkpoint of a known architecture as safetensors, under the names of its modules.

    Raises:
        SourceError: the architecture is no state dict's, `out` does not end in .safetensors, or as `load_resnet`.
    """
    if architecture not in RESNETS:
        raise SourceError(f"{architecture!r} is no architecture of state dicts; those are {', '.join(RESNETS)}.")
    if out.suffix != ".safetensors":
        raise SourceError(f"The file to write came as {out}; give one that ends in .safetensors.")
    if not out.parent.is_dir():
        raise SourceError(f"{out.parent} is no folder; give --out a name in one.")
    write_atomically(out, save(load_resnet(path, architecture).state_dict(), metadata={"architecture": architecture}))


def load_torchscript(path: Path, device: torch.device) -> Network:
    """A TorchScript program; raises SourceError where it is none."""
    try:
        return torch.jit.load(str(path), map_location=device).eval()
    except (RuntimeError, ValueError) as error:
        raise SourceError(
            f"{path} is no TorchScript program ({_first_line(error)}); save torch.jit.trace(...)."
        ) from None


def load_exported(path: Path, device: torch.device) -> Network:
    """A program of torch.export; raises SourceError where it is none."""
    try:
        with _unlogged("torch.export"):
            return torch.export.load(path).module().to(device)
    except Exception as error:  # noqa: BLE001 - the format's reader raises whatever a damaged archive makes it stumble over
        raise SourceError(
            f"{path} is no exported program ({_first_line(error)}); save torch.export.save(...)."
        ) from None


@contextmanager
def _unlogged(name: str) -> Generator[None]:
    """Without what a library logs of an error that is raised anyway."""
    logger = logging.getLogger(name)
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def load_onnx(path: Path, device: torch.device) -> Network:
    """An ONNX graph of one input and one output, run by onnxruntime; raises SourceError where it is none."""
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtraError(
            "ONNX needs onnxruntime; install w1bench with its extra `onnx` (in a checkout: pip install '.[onnx]')."
        ) from None
    providers = ["CUDAExecutionProvider"] if device.type == "cuda" else []
    try:
        session = onnxruntime.InferenceSession(str(path), providers=[*providers, "CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - onnxruntime's own exceptions share no base but this
        raise SourceError(f"{path} is no ONNX graph ({_first_line(error)}); save torch.onnx.export(...).") from None
    name = session.get_inputs()[0].name
    return lambda z: torch.from_numpy(session.run(None, {name: z.cpu().numpy()})[0]).to(device)


def _fitting(state: dict[str, Tensor], network: nn.Module, path: Path, architecture: str) -> dict[str, Tensor]:
    """`state` if it is exactly what the network needs."""
    needed = network.state_dict()
    # Counters that older versions of torch did not save.
    optional = {name for name in needed if name.endswith("num_batches_tracked")}
    state = {name: needed[name] for name in optional} | state
    for name, tensor in state.items():
        if tensor.is_complex() or not bool(torch.isfinite(tensor.to_dense().double()).all()):
            raise SourceError(
                f"Checkpoint {path} has {name} with values that are no finite real numbers; train it again."
            )
    for name, tensor in needed.items():
        if name not in state:
            raise SourceError(
                f"Checkpoint {path} has no {name}; {architecture} needs it, of shape {tuple(tensor.shape)}."
            )
        if state[name].shape != tensor.shape:
            raise SourceError(
                f"Checkpoint {path} has {name} of shape {tuple(state[name].shape)}; {architecture} needs "
                f"{tuple(tensor.shape)}."
            )
    if unexpected := sorted(set(state) - set(needed)):
        raise SourceError(
            f"Checkpoint {path} has {unexpected[0]}, which {architecture} does not; is it another network?"
        )
    return state


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
