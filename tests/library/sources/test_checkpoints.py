"""Checkpoints of image generators load to the network that they were saved from, and misfits are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from support.checkpoints import SMALL, State, random_state
from w1bench.errors import SourceError
from w1bench.sources.generators.checkpoints import RESNETS, convert, load_resnet
from w1bench.sources.generators.pushforward import load_generator
from w1bench.sources.generators.resnet import ResNetGenerator


def independent(state: State, z: Tensor, size: int) -> Tensor:
    """The network written once more, from the weights and torch.nn.functional alone."""

    def norm(x: Tensor, name: str) -> Tensor:
        part = {n: state[f"{name}.{n}"] for n in ("running_mean", "running_var", "weight", "bias")}
        return functional.batch_norm(
            x, part["running_mean"], part["running_var"], part["weight"], part["bias"], eps=1e-5
        )

    def act(x: Tensor) -> Tensor:
        return functional.leaky_relu(x, 0.2)

    def block(x: Tensor, name: str) -> Tensor:
        h = act(norm(functional.conv2d(x, state[f"{name}.conv_0.weight"], padding=1), f"{name}.bn2d_0"))
        h = norm(functional.conv2d(h, state[f"{name}.conv_1.weight"], padding=1), f"{name}.bn2d_1")
        if f"{name}.conv_s.weight" in state:
            x = norm(functional.conv2d(x, state[f"{name}.conv_s.weight"]), f"{name}.bn2d_s")
        return act(x + 0.1 * h)

    x = act(norm(functional.linear(z, state["fc.weight"], state["fc.bias"]), "bn1d"))
    x = x.view(len(z), -1, 4, 4)
    index, side = 0, 4
    while side < size:
        x = block(block(x, f"resnet.{index}"), f"resnet.{index + 1}")
        x = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        index, side = index + 3, 2 * side
    x = block(block(x, f"resnet.{index}"), f"resnet.{index + 1}")
    return torch.tanh(functional.conv2d(x, state["conv_img.weight"], state["conv_img.bias"], padding=1))


@pytest.mark.parametrize(
    ("architecture", "form"),
    [
        *((SMALL, form) for form in ("plain", "prefixed", "wrapped", "safetensors", "old")),
        *((f"wgan-qc-resnet-{side}", form) for side in (32, 64) for form in ("plain", "prefixed", "wrapped")),
    ],
)
def test_published_checkpoints_load_unchanged(architecture: str, form: str, tmp_path: Path) -> None:
    state = random_state(architecture)
    path = tmp_path / ("g.safetensors" if form == "safetensors" else "g.pth")
    prefixed = {f"module.{name}": tensor for name, tensor in state.items()}
    old = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    if form == "safetensors":
        save_file(state, path)
    else:
        torch.save({"plain": state, "prefixed": prefixed, "wrapped": {"state_dict": prefixed}, "old": old}[form], path)
    z = torch.randn(3, 128, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found = load_resnet(path, architecture).double()(z.double())
        double = {name: tensor.double() for name, tensor in state.items()}
        needed = independent(double, z.double(), RESNETS[architecture].size)
    torch.testing.assert_close(found, needed, atol=1e-5, rtol=0)


def test_the_published_networks_have_their_published_sizes() -> None:
    counts = {name: sum(p.numel() for p in ResNetGenerator(size).parameters()) for name, size in RESNETS.items()}
    assert round(counts["wgan-qc-resnet-32"] / 1e6, 1) == 14.6
    assert round(counts["wgan-qc-resnet-64"] / 1e6, 1) == 24.0


def _without(state: State) -> Any:
    return {n: t for n, t in state.items() if n != "resnet.1.conv_0.weight"}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_without, r"has no resnet.1.conv_0.weight; .* needs it, of shape \(64, 64, 3, 3\)"),
        (lambda s: s | {"fc.bias": torch.zeros(3)}, r"has fc.bias of shape \(3,\); .* needs \(1024,\)"),
        (lambda s: s | {"style.weight": torch.zeros(3)}, "has style.weight, which .* does not"),
        (lambda s: [1, 2], "does not hold a state dict"),
        (lambda s: {"weights": "none"}, "does not hold a state dict"),
        (lambda s: s | {1: torch.zeros(2)}, "does not hold a state dict"),
        (
            lambda s: s | {"fc.bias": torch.full((1024,), torch.nan)},
            "fc.bias with values that are not finite real numbers",
        ),
        (lambda s: s | {"fc.bias": torch.zeros(1024, dtype=torch.cfloat)}, "not finite real numbers"),
        (lambda s: s | {"fc.bias": torch.zeros(1024).to_sparse()}, "does not fit"),
        (lambda s: nn.Linear(2, 2), "cannot be read"),  # a pickled module
    ],
)
def test_misfits_are_named(change: Any, sentence: str, tmp_path: Path) -> None:
    torch.save(change(random_state(SMALL)), tmp_path / "g.pth")
    with pytest.raises(SourceError, match=sentence):
        load_resnet(tmp_path / "g.pth", SMALL)


@pytest.mark.parametrize("name", ["g.pth", "g.safetensors"])
@pytest.mark.parametrize("content", [b"", b"garbage" * 100, b"PK\x03\x04" + b"\0" * 100, b"\xff" * 64])
def test_damaged_checkpoints_are_said(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match="cannot be read"):
        load_resnet(tmp_path / name, SMALL)
    with pytest.raises(SourceError, match="cannot be read"):
        load_resnet(tmp_path / f"missing-{name}", SMALL)


def test_a_converted_checkpoint_is_the_same_network(tmp_path: Path) -> None:
    torch.save({"state_dict": {f"module.{n}": t for n, t in random_state(SMALL).items()}}, tmp_path / "g.pth")
    convert(tmp_path / "g.pth", SMALL, tmp_path / "g.safetensors")
    z = np.random.default_rng(0).standard_normal((5, 128)).astype(np.float32)
    a, b = (load_generator(tmp_path / name, SMALL).decode(z) for name in ("g.pth", "g.safetensors"))
    np.testing.assert_array_equal(a, b)
