"""Image generators: checkpoints of every format load to the network they were saved from, and misfits are named."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from scipy.stats import kstest, norm
from torch import Tensor, nn
from torch.nn import functional

from support.recipes import pinned, small_recipe
from w1bench.builder.build import build
from w1bench.builder.engines.threads import LocalThreads
from w1bench.builder.verify import verify
from w1bench.errors import SourceError
from w1bench.recipes.files import read_recipe
from w1bench.sources.from_recipe import make_source
from w1bench.sources.generators.checkpoints import RESNETS, convert, load_resnet
from w1bench.sources.generators.generated import load_generator
from w1bench.sources.generators.resnet import ResNetGenerator
from w1bench.sources.pictures import NoisyPictures

SMALL = "wgan-qc-resnet-32-small"
State = dict[str, Tensor]


def random_state(architecture: str, seed: int = 0) -> State:
    """A checkpoint as training might leave it: random weights, and running statistics that are not 0 and 1."""
    rng = torch.Generator().manual_seed(seed)
    state: State = {}
    for name, tensor in ResNetGenerator(RESNETS[architecture]).state_dict().items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(7)
        elif name.endswith("running_var"):
            state[name] = 0.5 + torch.rand(tensor.shape, generator=rng)
        else:
            fan_in = max(1, tensor[0].numel()) if tensor.dim() > 1 else 4
            state[name] = torch.randn(tensor.shape, generator=rng) / fan_in**0.5
    return state


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
        (lambda s: [1, 2], "holds no state dict"),
        (lambda s: {"weights": "none"}, "holds no state dict"),
        (lambda s: s | {1: torch.zeros(2)}, "holds no state dict"),
        (
            lambda s: s | {"fc.bias": torch.full((1024,), torch.nan)},
            "fc.bias with values that are no finite real numbers",
        ),
        (lambda s: s | {"fc.bias": torch.zeros(1024, dtype=torch.cfloat)}, "no finite real numbers"),
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


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the exporters that wrote the files people have
def test_programs_of_every_format_give_the_same_pictures(tmp_path: Path) -> None:
    torch.save(random_state(SMALL), tmp_path / "g.pth")
    network = load_resnet(tmp_path / "g.pth", SMALL)
    example = torch.zeros(64, 128)
    torch.jit.trace(network, example).save(str(tmp_path / "g.pt"))
    torch.export.save(torch.export.export(network, (example,)), tmp_path / "g.pt2")
    torch.onnx.export(network, (example,), str(tmp_path / "g.onnx"), dynamo=False, input_names=["z"])
    z = np.random.default_rng(0).standard_normal((70, 128)).astype(np.float32)
    plain = load_generator(tmp_path / "g.pth", SMALL).decode(z)
    for name, architecture in (("g.pt", "torchscript"), ("g.pt2", "exported"), ("g.onnx", "onnx")):
        generator = load_generator(tmp_path / name, architecture)
        assert generator.shape == (3, 32, 32)
        np.testing.assert_allclose(generator.decode(z), plain, atol=1e-5)
        (tmp_path / f"bad-{name}").write_bytes(b"garbage")
        with pytest.raises(SourceError, match="is no"):
            load_generator(tmp_path / f"bad-{name}", architecture)
        with pytest.raises(SourceError, match="does not take 64 latents of dimension 5"):
            load_generator(tmp_path / name, architecture, latent=5)


class _Two(nn.Module):
    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return z, z


def test_networks_that_make_no_pictures_are_refused(tmp_path: Path) -> None:
    for network, sentence in (
        (nn.Linear(128, 3), r"makes arrays of shape \(64, 3\)"),
        (_Two(), "returns a tuple; it must return one tensor"),
    ):
        torch.jit.trace(network, torch.zeros(64, 128)).save(str(tmp_path / "g.pt"))
        with pytest.raises(SourceError, match=sentence):
            load_generator(tmp_path / "g.pt", "torchscript")
    wide = nn.Sequential(nn.Linear(128, 12, bias=False), nn.Unflatten(1, (3, 2, 2)))
    torch.jit.trace(wide, torch.zeros(64, 128)).save(str(tmp_path / "g.pt"))
    with pytest.raises(SourceError, match="must lie in"):
        load_generator(tmp_path / "g.pt", "torchscript").decode(np.full((3, 128), 1e4, np.float32))
    with pytest.raises(SourceError, match="There is no architecture 'style'"):
        load_generator(tmp_path / "g.pt", "style")


def test_a_picture_does_not_depend_on_how_many_are_asked_for(tmp_path: Path) -> None:
    torch.save(random_state(SMALL), tmp_path / "g.pth")
    generator = load_generator(tmp_path / "g.pth", SMALL)
    z = np.random.default_rng(0).standard_normal((200, 128)).astype(np.float32)
    np.testing.assert_array_equal(generator.decode(z)[:70], generator.decode(z[:70]))


def test_a_generator_makes_a_certified_pair_with_noise(tmp_path: Path) -> None:
    torch.save(random_state(SMALL), tmp_path / "g.pth")
    recipe = small_recipe(
        "generated",
        power=100.0,
        half_width=1.2,
        source=pinned({"kind": "generator", "checkpoint": str(tmp_path / "g.pth"), "architecture": SMALL, "noise": 0.01}),
        funnel={"count": 4, "center_half_width": 1.0},
        sizes={"train": 300, "test": 200, "probe": 50, "w1_rays": 1024},
    )  # fmt: skip
    assert str(tmp_path) not in recipe.canonical()
    folder = build(recipe, tmp_path / "archive")
    assert all(figure.holds for figure in verify(folder))


def test_the_noise_is_there_around_the_generator_s_very_pictures(tmp_path: Path) -> None:
    torch.save(random_state(SMALL), tmp_path / "g.pth")
    given = {"kind": "generator", "checkpoint": str(tmp_path / "g.pth"), "architecture": SMALL, "noise": 0.01}
    source = make_source(small_recipe(source=pinned(given), half_width=1.2))
    assert isinstance(source, NoisyPictures)
    drawn: list[NDArray[np.float32]] = []

    @dataclass(frozen=True)
    class Watched:
        pictures: Any

        def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.float32]:
            drawn.append(self.pictures.draw(rng, count))
            return drawn[-1]

        @property
        def shape(self) -> tuple[int, int, int]:
            return self.pictures.shape

    noisy = replace(source, pictures=Watched(source.pictures)).draw(np.random.default_rng(0), 256)
    noise = (noisy - drawn[0]).ravel() / 0.01
    assert len(drawn) == 1
    assert abs(noise.mean()) < 5 / len(noise) ** 0.5
    assert kstest(noise[:20_000], norm.cdf).pvalue > 1e-3
    assert np.abs(noisy).max() <= 1.2


def test_the_catalogued_cifar10_pair_is_built_from_a_checkpoint(tmp_path: Path) -> None:
    torch.save(random_state("wgan-qc-resnet-32"), tmp_path / "g.pth")
    path = Path(__file__).parents[3] / "datasets" / "recipes" / "outside" / "cifar10-n16-p100.toml"
    recipe = read_recipe(path, checkpoint=tmp_path / "g.pth").with_sizes(train=100, test=100, probe=10, w1_rays=512)
    folder = build(recipe, tmp_path / "archive")
    assert all(figure.holds for figure in verify(folder))


def test_generated_pairs_have_the_same_bytes_for_any_shards_and_threads(tmp_path: Path) -> None:
    torch.save(random_state(SMALL), tmp_path / "g.pth")
    source = pinned({"kind": "generator", "checkpoint": str(tmp_path / "g.pth"), "architecture": SMALL, "noise": 0.01})
    recipe = small_recipe(
        "generated", power=100.0, half_width=1.2, source=source, funnel={"count": 4, "center_half_width": 1.0},
        sizes={"train": 600, "test": 200, "probe": 50, "w1_rays": 1024},
    )  # fmt: skip
    built = [
        build(recipe, tmp_path / str(threads), engine=LocalThreads(threads), tiles=tiles)
        for threads, tiles in ((1, 8), (2, 1))
    ]
    for path in built[0].iterdir():
        assert (built[1] / path.name).read_bytes() == path.read_bytes(), path.name


def test_the_published_cifar_funnel_comes_from_its_seed(published_funnels: Path, tmp_path: Path) -> None:
    from w1bench.transport.from_recipe import make_funnel, make_pair
    from w1bench.transport.published_funnels import read_published

    torch.save(random_state(SMALL), tmp_path / "g.pth")
    recipe = small_recipe(
        "cifar", power=100.0, half_width=1.2, seed=295,
        source=pinned({"kind": "generator", "checkpoint": str(tmp_path / "g.pth"), "architecture": SMALL, "noise": 0.01}),
        funnel={"count": 16, "center_half_width": 1.0, "stream": "torch"},
    )  # fmt: skip
    path = published_funnels / "cifar-n16-p100.pt"
    published = read_published(path, hashlib.sha256(path.read_bytes()).hexdigest())
    drawn = make_funnel(recipe, make_pair(recipe).source)
    np.testing.assert_array_equal(drawn.center, published.center)
    np.testing.assert_array_equal(drawn.offset, published.offset)
