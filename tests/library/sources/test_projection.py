"""Projection: a real picture's twin in a generator's range."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from support.recipes import pinned, small_recipe
from w1bench.builder.build import build
from w1bench.builder.verify import verify
from w1bench.errors import RecipeError, SourceError
from w1bench.recipes.files import read_recipe
from w1bench.sources.from_recipe import make_source
from w1bench.sources.generators.projection import ProjectedPictures
from w1bench.sources.generators.pushforward import load_generator
from w1bench.sources.pictures import for_training
from w1bench.storage.files import content_sha256
from w1bench.transport.from_recipe import make_pair


class Linear(nn.Module):
    """Latents of dimension 6 -> pictures (3, 2, 2), whose projections are known in closed form."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linalg.qr(torch.randn(12, 6, generator=torch.Generator().manual_seed(0)))[0])

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return (z @ self.weight.T).view(-1, 3, 2, 2)


class Drawn:
    """Pictures of no generator."""

    shape = (3, 2, 2)

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.float32]:
        return rng.uniform(-0.2, 0.2, (count, *self.shape)).astype(np.float32)


def saved(folder: Path) -> Path:
    torch.jit.trace(Linear(), torch.zeros(64, 6)).save(str(folder / "g.pt"))
    return folder / "g.pt"


def test_twins_are_the_orthogonal_projections_of_a_linear_generator(tmp_path: Path) -> None:
    generator = load_generator(saved(tmp_path), "torchscript", latent=6)
    twins = ProjectedPictures(Drawn(), generator, steps=400).draw(np.random.default_rng(3), 70).reshape(70, 12)
    x, w = Drawn().draw(np.random.default_rng(3), 70).reshape(70, 12), Linear().weight.detach().numpy()
    np.testing.assert_allclose(twins, x @ w @ w.T, atol=1e-4)


def test_a_twin_does_not_depend_on_how_many_are_asked_for(tmp_path: Path) -> None:
    projected = ProjectedPictures(Drawn(), load_generator(saved(tmp_path), "torchscript", latent=6), steps=20)
    x = Drawn().draw(np.random.default_rng(0), 130)
    np.testing.assert_array_equal(projected.latents(x)[:70], projected.latents(x[:70]))


def test_a_pair_of_twins_is_certified_from_its_recipe(tmp_path: Path) -> None:
    path = tmp_path / "twins.toml"
    program = nn.Sequential(nn.Linear(6, 64, bias=False), nn.Unflatten(1, (1, 8, 8)), nn.Tanh())
    torch.jit.trace(program, torch.zeros(64, 6)).save(str(tmp_path / "g.pt"))
    path.write_text(
        'name = "twins"\npower = 10\nhalf_width = 1.2\n[source]\nkind = "images"\ndataset = "digits"\nnoise = 0.01\n'
        'through = "projection"\n[source.generator]\ncheckpoint = "g.pt"\narchitecture = "torchscript"\nlatent = 6\nsteps = 5\n'
        "[funnel]\ncount = 2\n[sizes]\ntrain = 300\ntest = 200\nprobe = 50\nw1_rays = 1024\n"
    )
    recipe = read_recipe(path)
    assert recipe.source.generator.sha256 == content_sha256(tmp_path / "g.pt")  # type: ignore[union-attr]
    assert all(figure.holds for figure in verify(build(recipe, tmp_path / "archive")))
    pixels = make_pair(recipe).source.draw(np.random.default_rng(0), 50).reshape(50, 64)
    assert np.linalg.svd(pixels - pixels.mean(0), compute_uv=False)[6] < 3  # beyond six latents: curvature and noise
    path.write_text(path.read_text().replace('through = "projection"\n', ""))
    with pytest.raises(RecipeError, match=r"goes with a table \[source.generator\]"):
        read_recipe(path)


def test_twins_of_pictures_that_are_held_out_are_held_out(tmp_path: Path) -> None:
    program = nn.Sequential(nn.Linear(6, 64, bias=False), nn.Unflatten(1, (1, 8, 8)))
    torch.jit.trace(program, torch.zeros(64, 6)).save(str(tmp_path / "g.pt"))
    through = pinned({"checkpoint": str(tmp_path / "g.pt"), "architecture": "torchscript", "latent": 6, "steps": 5})
    held_out = {"kind": "images", "dataset": "digits", "noise": 0.01, "held_out": 0.25}
    tables: list[NDArray[np.float32]] = []
    for source in (held_out, held_out | {"through": "projection", "generator": through}):
        tests = make_source(small_recipe("twins", source=source, half_width=1.2))
        for part in (tests, for_training(tests)):  # pyright: ignore[reportArgumentType]
            pictures = part.pictures  # pyright: ignore[reportAttributeAccessIssue]
            assert isinstance(pictures, ProjectedPictures) == ("through" in source)
            tables.append((pictures.pictures if isinstance(pictures, ProjectedPictures) else pictures).table)
    assert [len(table) for table in tables] == [449, 1348, 449, 1348]
    np.testing.assert_array_equal(tables[0], tables[2])
    np.testing.assert_array_equal(tables[1], tables[3])


def test_generators_that_cannot_be_projected_on_are_said(tmp_path: Path) -> None:
    def pair_through(network: nn.Module) -> object:
        torch.jit.trace(network, torch.zeros(64, 6)).save(str(tmp_path / "g.pt"))
        through = {"checkpoint": str(tmp_path / "g.pt"), "architecture": "torchscript", "latent": 6,
                   "sha256": content_sha256(tmp_path / "g.pt")}  # fmt: skip
        source = {"kind": "images", "dataset": "digits", "noise": 0.01, "through": "projection", "generator": through}
        return make_pair(small_recipe("twins", source=source, half_width=1.2))

    with pytest.raises(
        SourceError, match=r"makes pictures of shape \(3, 2, 2\), and those to project have \(1, 8, 8\)"
    ):
        pair_through(Linear())

    class Stepped(nn.Module):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return torch.zeros(1, 1, 8, 8) + z.detach().sign()[:, :1, None, None]

    with pytest.raises(SourceError, match="has no gradient with respect to its latents"):
        pair_through(Stepped())
