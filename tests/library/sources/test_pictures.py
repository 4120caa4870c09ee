"""Real pictures as sources: patches of photographs, digits, data sets; noise that is there, and what is wrong with bad ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.stats import kstest

from support.data_sets import batches, write_binary, write_celeba
from support.recipes import pinned, small_recipe
from w1bench.archive.manifest import read_published_manifest
from w1bench.builder.build import build
from w1bench.builder.verify import verify
from w1bench.errors import SourceError
from w1bench.recipes.files import read_recipe
from w1bench.sources.from_recipe import make_source
from w1bench.sources.images.digits import digits
from w1bench.sources.images.photographs import Patches, photograph_patches
from w1bench.sources.pictures import NoisyPictures, PictureTable

CATALOGUED = Path(__file__).parents[3] / "datasets" / "recipes" / "outside"


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


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
    with pytest.raises(SourceError, match="came as .*none, which is not a folder; give one that holds pictures"):
        photograph_patches(str(tmp_path / "none"), 32)
    Image.fromarray(np.zeros((31, 50, 3), np.uint8)).save(tmp_path / "small.png")
    with pytest.raises(SourceError, match=r"small.png is 50 x 31; a patch needs 32 x 32"):
        photograph_patches(str(tmp_path), 32)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(SourceError, match=r"broken.png cannot be read"):
        photograph_patches(str(tmp_path), 32)


def picture_recipe(name: str, source: dict[str, Any]) -> Any:
    return small_recipe(
        name,
        power=100.0,
        half_width=1.2,
        source={"kind": "images", "noise": 0.01} | (pinned(source) if "root" in source else source),
        funnel={"count": 4, "center_half_width": 1.0},
        sizes={"train": 300, "test": 200, "probe": 50, "w1_rays": 1024},
    )


def test_both_data_sets_make_certified_pairs(tmp_path: Path) -> None:
    for source in (
        {"dataset": "cifar10", "root": str(write_binary(tmp_path))},
        {"dataset": "celeba", "root": str(write_celeba(tmp_path)), "size": 64},
    ):
        folder = build(picture_recipe(source["dataset"], source), tmp_path / "archive")
        assert all(figure.holds for figure in verify(folder))


@pytest.mark.parametrize(
    "name",
    ["cifar10-images-n16-p100", "celeba64-images-n1-p10", "blur32-cifar10", "contrast32-cifar10", "blur64-celeba"],
)
def test_the_catalogued_pairs_are_built_from_their_data_sets(name: str, tmp_path: Path) -> None:
    root = write_binary(tmp_path) if "cifar10" in name else write_celeba(tmp_path)
    recipe = read_recipe(CATALOGUED / f"{name}.toml", root=root).with_sizes(train=100, test=100, probe=10, w1_rays=512)
    folder = build(recipe, tmp_path / "archive")
    assert all(figure.holds for figure in verify(folder))
    manifest = read_published_manifest(folder)
    assert manifest.shape == ((3, 32, 32) if "cifar10" in name else (3, 64, 64))
    if manifest.family == "attenuation":  # over all pictures of the data set, without rays
        assert (manifest.w1_stderr, manifest.w1_rays) == (0, 0)


def test_the_noise_is_there_around_the_very_pictures(tmp_path: Path) -> None:
    source = make_source(picture_recipe("c", {"dataset": "cifar10", "root": str(write_binary(tmp_path))}))
    drawn = source.draw(np.random.default_rng(0), 500).reshape(500, -1)
    table = PictureTable(np.concatenate(batches()).reshape(-1, 3, 32, 32).astype(np.float32) / 127.5 - 1).table.reshape(
        -1, 3072
    )
    nearest = table[((drawn[:, None] - table[None]) ** 2).sum(axis=2).argmin(axis=1)]
    noise = drawn - nearest
    assert noise.std() == pytest.approx(0.01, rel=0.01)
    assert abs(np.square(noise / 0.01).mean() - 1) < 0.02
    assert abs(((noise / 0.01) ** 4).mean() - 3) < 0.1, "not normal"


def test_a_root_is_needed_where_nothing_is_carried() -> None:
    with pytest.raises(SourceError, match=r"source.root is missing; cifar10 must be downloaded"):
        make_source(picture_recipe("c", {"dataset": "cifar10"}))
