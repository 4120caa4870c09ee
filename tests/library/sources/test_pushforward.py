"""Image generators as sources: programs of every format draw the same pictures, and their pairs are certified."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import kstest, norm
from torch import Tensor, nn

from support.checkpoints import SMALL, random_state
from support.files import assert_same
from support.recipes import pinned, small_recipe
from w1bench.builder.build import build
from w1bench.builder.engines.threads import LocalThreads
from w1bench.builder.verify import verify
from w1bench.errors import SourceError
from w1bench.recipes.files import read_recipe
from w1bench.sources.from_recipe import make_source
from w1bench.sources.generators.checkpoints import load_resnet
from w1bench.sources.generators.pushforward import load_generator
from w1bench.sources.pictures import NoisyPictures


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
        with pytest.raises(SourceError, match="is not a"):
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
    assert_same(*built)


def test_the_published_cifar_funnel_comes_from_its_seed(published_funnels: Path, tmp_path: Path) -> None:
    from w1bench.transport.families.funnel.published_file import read_published
    from w1bench.transport.from_recipe import make_funnel, make_pair

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
