"""Sources: their laws, shapes and domains; real pictures, and what is wrong with bad ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.stats import beta, kstest

from w1bench.errors import SourceError
from w1bench.sources.images.digits import digits
from w1bench.sources.images.photographs import Patches, photograph_patches
from w1bench.sources.pictures import NoisyPictures
from w1bench.sources.uniform import UniformBall, UniformCube


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_the_cube_is_filled_uniformly() -> None:
    x = UniformCube(3, 2.5).draw(rng(), 20_000)
    assert all(kstest(column / 5 + 0.5, "uniform").pvalue > 1e-6 for column in x.T)


@pytest.mark.parametrize("dim", [1, 2, 16])
def test_the_ball_is_filled_uniformly(dim: int) -> None:
    x = UniformBall(dim, 10.0).draw(rng(), 20_000)
    assert kstest(np.linalg.norm(x, axis=1) / 10, beta(dim, 1).cdf).pvalue > 1e-6
    assert np.abs(x.mean(axis=0)).max() < 0.3


def test_photographs_give_patches_of_themselves() -> None:
    patches = photograph_patches(None, 32)
    drawn = patches.draw(rng(), 64)
    assert drawn.shape == (64, 3, 32, 32)
    assert (drawn.min() >= -1, drawn.max() <= 1) == (True, True)
    pixels = {tuple(p) for p in np.concatenate([p.reshape(-1, 3) for p in patches.photographs])[::1]}
    corner = np.round((drawn[:, :, 0, 0] + 1) * 127.5).astype(np.uint8)
    assert all(tuple(pixel) in pixels for pixel in corner)


def test_every_position_of_every_photograph_is_equally_likely() -> None:
    small = np.arange(3 * 3 * 3, dtype=np.uint8).reshape(3, 3, 3)
    large = 100 + np.arange(3 * 4 * 3, dtype=np.uint8).reshape(3, 4, 3)
    drawn = Patches((small, large), 2).draw(rng(), 20_000)
    _, counts = np.unique(drawn.reshape(len(drawn), -1), axis=0, return_counts=True)
    assert len(counts) == 2 * 2 + 2 * 3
    assert np.abs(counts / 2000 - 1).max() < 0.15


def test_digits_are_the_1797_of_the_data_set() -> None:
    table = digits().table
    assert (table.shape, table.min(), table.max()) == ((1797, 1, 8, 8), -1, 1)


def test_noise_is_really_added() -> None:
    table = digits()
    clean, noisy = table.draw(rng(), 4000), NoisyPictures(table, 0.01, 1.2)
    drawn = noisy.draw(rng(), 4000)
    nearest = np.round(drawn * 8) / 8  # digits take the values k/8
    difference = (drawn - nearest).ravel()
    assert difference.std() == pytest.approx(0.01, rel=0.01)
    assert kstest(difference[:20_000] / 0.01, "norm").pvalue > 1e-6
    assert abs(clean.mean() - drawn.mean()) < 0.05


def test_points_outside_the_cube_are_redrawn_whole() -> None:
    drawn = NoisyPictures(digits(), 0.01, 1.03).draw(rng(), 2000)
    assert np.abs(drawn).max() <= 1.03
    assert (drawn > 1).any()


def test_a_cube_that_is_too_small_is_said_to_be() -> None:
    with pytest.raises(SourceError, match="give a larger half_width"):
        NoisyPictures(digits(), 0.01, 0.9).draw(rng(), 10)


def test_a_folder_of_pictures_is_a_source(tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 50, 3), 255, np.uint8)).save(tmp_path / "white.png")
    assert (photograph_patches(str(tmp_path), 32).draw(rng(), 3) == 1).all()


def test_bad_folders_and_pictures_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no pictures"):
        photograph_patches(str(tmp_path), 32)
    with pytest.raises(SourceError, match="came as .*none, which is none; give one that holds pictures"):
        photograph_patches(str(tmp_path / "none"), 32)
    Image.fromarray(np.zeros((31, 50, 3), np.uint8)).save(tmp_path / "small.png")
    with pytest.raises(SourceError, match=r"small.png is 50 x 31; a patch needs 32 x 32"):
        photograph_patches(str(tmp_path), 32)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(SourceError, match=r"broken.png cannot be read"):
        photograph_patches(str(tmp_path), 32)
