"""CelebA in its official layouts, cropped at its centre; what is missing or damaged is named with its remedy."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support.data_sets import jpeg, write_celeba
from w1bench.errors import SourceError
from w1bench.sources.images.celeba import celeba


def test_celeba_is_the_same_from_its_zip_and_its_folder(tmp_path: Path) -> None:
    path = write_celeba(tmp_path)
    zipped = celeba(path, crop=140, size=64)
    drawn = zipped.draw(np.random.default_rng(0), 30)
    assert (drawn.shape, drawn.min() >= -1, drawn.max() <= 1) == ((30, 3, 64, 64), True, True)
    np.testing.assert_array_equal(celeba(tmp_path, crop=140, size=64).draw(np.random.default_rng(0), 30), drawn)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "unpacked")
    unpacked = celeba(tmp_path / "unpacked", crop=140, size=64)
    np.testing.assert_array_equal(unpacked.draw(np.random.default_rng(0), 30), drawn)


def test_celeba_is_cropped_at_its_centre(tmp_path: Path) -> None:
    pixels = np.zeros((218, 178, 3), np.uint8)
    pixels[39:179, 19:159] = 255
    Image.fromarray(pixels).save(tmp_path / "000001.jpg", quality=100)
    assert celeba(tmp_path, crop=140, size=64).draw(np.random.default_rng(0), 1).min() > 0.9


def test_damage_to_celeba_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"holds no .jpg pictures; download img_align_celeba.zip"):
        celeba(tmp_path, crop=140, size=64)
    path = write_celeba(tmp_path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(SourceError, match="is not a whole zip"):
        celeba(path, crop=140, size=64)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.jpg").write_bytes(jpeg(0, (64, 64)))
    with pytest.raises(SourceError, match=r"a.jpg is 64 x 64; CelebA's are 178 x 218"):
        celeba(tmp_path / "other", crop=140, size=64).draw(np.random.default_rng(0), 1)
    (tmp_path / "other" / "a.jpg").write_bytes(jpeg(0)[:500])
    with pytest.raises(SourceError, match=r"a.jpg cannot be decoded"):
        celeba(tmp_path / "other", crop=140, size=64).draw(np.random.default_rng(0), 1)
    with pytest.raises(SourceError, match="give one from 64 to 178"):
        celeba(tmp_path / "other", crop=32, size=64)
