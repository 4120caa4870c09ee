"""Training the small generator: patches held out are never trained on, an interruption changes nothing, figures see what they should."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import norm

from w1bench.errors import SourceError
from w1bench.rng import stream
from w1bench.sources.generators.checkpoints import RESNETS, load_resnet
from w1bench.sources.generators.resnet import ResNetGenerator
from w1bench.sources.generators.training.fidelity import gaussian_like, measure, nearest, sliced_w1, windows
from w1bench.sources.generators.training.gan import Progress, Training, train
from w1bench.sources.generators.training.split import split
from w1bench.sources.generators.training.train import ARCHITECTURE, train_on_photographs

SMALL = 4  # side of the patches of most tests here


def photographs(count: int = 2, height: int = 64, width: int = 96) -> list[np.ndarray]:
    """Photographs whose every pixel is its own: (row, column, photograph)."""
    rows, columns = np.mgrid[:height, :width]
    return [np.stack([rows, columns, np.full_like(rows, n)], axis=2).astype(np.uint8) for n in range(count)]


def pixels(patches: np.ndarray) -> set[tuple[int, int, int]]:
    """The (row, column, photograph) of every pixel in patches of `photographs`."""
    values = np.rint((patches.transpose(0, 2, 3, 1).reshape(-1, 3) + 1) * 127.5).astype(int)
    return set(map(tuple, values.tolist()))


def test_no_pixel_is_both_trained_on_and_held_out() -> None:
    training, held_out = split(photographs(), SMALL, seed=3)
    a, b = (pixels(part.draw(np.random.default_rng(0), 4000)) for part in (training, held_out))
    assert len(a) > 8000
    assert 800 < len(b) < 1600  # a tenth of 2 x 64 x 96
    assert not a & b
    assert pixels(split(photographs(), SMALL, seed=4)[1].draw(np.random.default_rng(0), 4000)) != b


def test_every_photograph_is_drawn_as_often() -> None:
    mixed = [photographs(1, 64, 640)[0], photographs(2)[1]]
    drawn = split(mixed, SMALL, seed=0)[0].draw(np.random.default_rng(0), 4000)
    second = np.rint((drawn[:, 2, 0, 0] + 1) * 127.5) == 1
    assert abs(second.mean() - 0.5) < 5 * 0.5 / np.sqrt(4000)


def test_a_photograph_too_small_to_hold_out_is_said() -> None:
    with pytest.raises(
        SourceError, match="Photograph 1 in the order of names is 9 x 6, too small .* give pictures of 32 pixels"
    ):
        split([np.zeros((6, 9, 3), np.uint8)], SMALL, seed=0)


def _trained(
    steps: int, checkpoint: Path | None = None, stop: int | None = None, seed: int = 1, pictures: str = "",
    asked: list[int] | None = None,
) -> dict[str, torch.Tensor]:  # fmt: skip
    torch.manual_seed(0)
    network = ResNetGenerator(RESNETS[ARCHITECTURE])
    real = stream(0, "test.real", 0).random((64, 3, 32, 32), dtype=np.float32)

    def batch(k: int) -> torch.Tensor:
        if k == stop:
            raise KeyboardInterrupt
        if asked is not None:
            asked.append(k)
        return torch.from_numpy(np.roll(real, k, axis=0)[:4])

    return train(network, batch, Training(steps=steps, batch=4, seed=seed), checkpoint=checkpoint, pictures=pictures)[
        0
    ].state_dict()


def test_an_interrupted_training_ends_in_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("w1bench.sources.generators.training.gan._SAVE_EVERY", -1.0)
    monkeypatch.setattr("w1bench.sources.generators.training.gan._REPORT_EVERY", 2)
    whole, checkpoint = _trained(5), tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        _trained(5, checkpoint, stop=3)
    asked: list[int] = []
    again = _trained(5, checkpoint, asked=asked)
    assert asked == [2, 3, 4]
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    asked.clear()
    _trained(5, checkpoint, pictures="others", asked=asked)
    assert asked == [0, 1, 2, 3, 4]
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])  # as a crash of the machine might leave it
    again = _trained(5, checkpoint)
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    other = _trained(5, checkpoint, seed=2)  # the checkpoint of another training is not taken over
    assert not torch.equal(other["fc.weight"], whole["fc.weight"])


def test_training_brings_samples_nearer(tmp_path: Path) -> None:
    """To bright pictures, which the untrained network does not make."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    for number, colour in enumerate(((250, 240, 230), (240, 250, 220))):
        Image.fromarray(np.full((160, 160, 3), colour, np.uint8)).save(folder / f"{number}.png")
    reports: list[Progress] = []
    figures = [
        train_on_photographs(
            tmp_path / f"{steps}.safetensors",
            Training(steps=steps, batch=8),
            root=str(folder),
            rows=256,
            report=reports.append,
        )
        for steps in (1, 50)
    ]
    first, last = (f["fidelity"]["samples"] for f in figures)
    assert last < 0.6 * first
    assert json.loads((tmp_path / "50.json").read_text()) == figures[1]
    assert reports[-1].step == 50
    with Image.open(tmp_path / "50.png") as sheet:
        assert sheet.size == (338, 338)
    load_resnet(tmp_path / "50.safetensors", ARCHITECTURE)
    with pytest.raises(SourceError, match="exists already"):
        train_on_photographs(tmp_path / "50.safetensors", Training())
    assert (tmp_path / "50.safetensors").stat().st_mode & 0o044 == 0o044
    assert {path.name for path in tmp_path.glob("[!.]*")} == {
        "photographs", *(f"{steps}.{ending}" for steps in (1, 50) for ending in ("safetensors", "json", "png")),
    }  # fmt: skip
    assert not list(tmp_path.glob(".*.checkpoint"))


@pytest.mark.parametrize("out", ["g.pth", "none/g.safetensors"])
def test_a_file_that_cannot_be_written_is_said_before_training(out: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="give one that ends in .safetensors, in a folder that exists"):
        train_on_photographs(tmp_path / out, Training(steps=10**9))


def test_sliced_w1_of_shifted_normals_is_the_mean_shift_of_their_projections() -> None:
    rng = np.random.default_rng(0)
    a = rng.standard_normal((20_000, 8)).astype(np.float32)
    b = rng.standard_normal((20_000, 8)).astype(np.float32) + np.float32(1)
    expected = np.sqrt(8) * _mean_absolute_cosine(8)  # E |<shift, direction>|, the shift having length sqrt(8)
    assert abs(sliced_w1(a, b, np.random.default_rng(1)) - expected) < 0.05 * expected
    assert sliced_w1(a, np.concatenate([a, a[::-1]]), np.random.default_rng(1)) < 1e-6


def _mean_absolute_cosine(dim: int) -> float:
    x = np.random.default_rng(5).standard_normal((200_000, dim))
    return float(np.abs(x[:, 0] / np.linalg.norm(x, axis=1)).mean())


def test_the_gaussian_has_the_mean_and_covariance_it_is_fitted_to() -> None:
    rng = np.random.default_rng(0)
    pictures = (rng.random((5000, 1, 2, 2)) ** 3).astype(np.float32)
    pictures[:, :, 0] += pictures[:, :, 1]
    drawn = gaussian_like(pictures, np.random.default_rng(1)).reshape(5000, 4)
    flat = pictures.reshape(5000, 4)
    np.testing.assert_allclose(drawn.mean(axis=0), flat.mean(axis=0), atol=0.03)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(flat.T), atol=0.01)
    standard = (drawn[:, 3] - drawn[:, 3].mean()) / drawn[:, 3].std()
    assert abs((standard < 1).mean() - norm.cdf(1)) < 0.03


def test_windows_have_no_mean_and_cover_the_picture() -> None:
    pictures = np.random.default_rng(0).random((3, 2, 16, 32), dtype=np.float32)
    cut = windows(pictures)
    assert cut.shape == (3 * 2 * 4, 2, 8, 8)
    np.testing.assert_allclose(cut.mean(axis=(2, 3)), 0, atol=1e-6)
    second = pictures[0, :, :8, 8:16]
    np.testing.assert_allclose(cut[1], second - second.mean(axis=(1, 2), keepdims=True), atol=1e-6)


def test_memorised_pictures_are_seen() -> None:
    """A generator that repeats training pictures has neighbours at distance 0; one that draws anew does not."""

    def draw(rng: np.random.Generator, count: int) -> np.ndarray:
        return rng.standard_normal((count, 1, 8, 8)).astype(np.float32)

    known = draw(np.random.default_rng(0), 100)
    assert nearest(known[:5], known).max() < 1e-6
    beyond = draw(np.random.default_rng(1), 3000)  # more than are compared at once
    plain = np.linalg.norm((known[:5, None] - beyond).reshape(5, 3000, -1), axis=2).min(axis=1)
    np.testing.assert_allclose(nearest(known[:5], beyond), plain, rtol=1e-5)

    def repeat(rng: np.random.Generator, count: int) -> np.ndarray:
        return known[rng.integers(100, size=count)]

    figures = measure(repeat, repeat, draw, seed=0, rows=512)
    assert figures.samples_nearest < 1e-3 < 1 < figures.held_out_nearest
    assert figures.training > 0
