"""CIFAR-10 and CelebA in their official layouts, made small here; what is missing or damaged is said with its remedy."""

from __future__ import annotations

import io
import pickle
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from support.recipes import pinned, small_recipe
from w1bench.archive.manifest import read_published_manifest
from w1bench.builder.build import build
from w1bench.builder.verify import verify
from w1bench.errors import SourceError
from w1bench.recipes.files import read_recipe
from w1bench.sources.from_recipe import make_source
from w1bench.sources.images.celeba import celeba
from w1bench.sources.images.cifar10 import cifar10_pixels
from w1bench.sources.pictures import PictureTable

ROWS = 20
CATALOGUED = Path(__file__).parents[3] / "datasets" / "recipes" / "outside"


def batches() -> list[NDArray[np.uint8]]:
    return list(np.random.default_rng(0).integers(0, 256, (5, ROWS, 3072), dtype=np.uint8))


def write_binary(root: Path) -> Path:
    """The binary version's folder: records of a label and three planes."""
    folder = root / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    labels = np.random.default_rng(1).integers(0, 10, (ROWS, 1), dtype=np.uint8)
    for number, rows in enumerate(batches(), 1):
        (folder / f"data_batch_{number}.bin").write_bytes(np.hstack([labels, rows]).tobytes())
    (folder / "test_batch.bin").write_bytes(bytes(3073))
    (folder / "batches.meta.txt").write_text("airplane\n")
    return folder


def write_python(root: Path) -> Path:
    """The python version's folder: pickled dicts with byte keys."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for number, rows in enumerate(batches(), 1):
        batch = {b"batch_label": b"training", b"labels": [1] * ROWS, b"data": rows, b"filenames": [b"a.png"] * ROWS}
        (folder / f"data_batch_{number}").write_bytes(pickle.dumps(batch, protocol=2))
    return folder


def archive(folder: Path, name: str) -> Path:
    path = folder.parent / name
    with tarfile.open(path, "w:gz") as tar:
        tar.add(folder, folder.name)
    return path


@pytest.mark.parametrize(
    "form", ["binary", "python", "binary archive", "python archive", "parent", "archive in a folder"]
)
def test_every_layout_of_cifar10_gives_the_same_pictures(form: str, tmp_path: Path) -> None:
    folder = write_python(tmp_path) if "python" in form else write_binary(tmp_path)
    root = folder
    if "archive" in form:
        root = archive(folder, "cifar-10-python.tar.gz" if "python" in form else "cifar-10-binary.tar.gz")
    if form in ("parent", "archive in a folder"):
        root = tmp_path
    if form == "archive in a folder":
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    pixels = cifar10_pixels(root)
    np.testing.assert_array_equal(pixels, np.concatenate(batches()).reshape(-1, 3, 32, 32))


class _Evil:
    def __reduce__(self) -> Any:
        return (eval, ("print('this must never be printed')",))


def test_damage_to_cifar10_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SourceError, match=r"holds no CIFAR-10 batches; download cifar-10-binary.tar.gz"):
        cifar10_pixels(tmp_path)
    folder = write_binary(tmp_path)
    path = folder / "data_batch_2.bin"
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    with pytest.raises(SourceError, match=r"data_batch_2.bin .* no whole number of 3073-byte records"):
        cifar10_pixels(folder)
    path.write_bytes(b"\xff" + whole[1:])
    with pytest.raises(SourceError, match="has the label 255"):
        cifar10_pixels(folder)
    path.unlink()
    with pytest.raises(SourceError, match="has no data_batch_2"):
        cifar10_pixels(folder)
    cut = archive(write_python(tmp_path / "python"), "cifar-10-python.tar.gz")
    cut.write_bytes(cut.read_bytes()[:-2000])
    other = tmp_path / "cifar-10.zip"
    with zipfile.ZipFile(other, "w") as file:
        file.writestr("data_batch_1.bin", b"")
    for path in (cut, other):
        with pytest.raises(SourceError, match="is no tar archive, or a truncated one"):
            cifar10_pixels(path)
    (tmp_path / "python" / "cifar-10-batches-py" / "data_batch_3").write_bytes(pickle.dumps({b"data": _Evil()}))
    with pytest.raises(SourceError, match=r"is no CIFAR-10 batch \(it names builtins.eval\)"):
        cifar10_pixels(tmp_path / "python" / "cifar-10-batches-py")
    assert capsys.readouterr().out == ""


def jpeg(seed: int, size: tuple[int, int] = (178, 218)) -> bytes:
    """A smooth picture as JPEG."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(content, "JPEG", quality=95)
    return content.getvalue()


def write_celeba(root: Path, count: int = 12) -> Path:
    """The official zip: img_align_celeba/000001.jpg and so on."""
    path = root / "img_align_celeba.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("img_align_celeba/", "")
        for number in range(1, count + 1):
            archive.writestr(f"img_align_celeba/{number:06d}.jpg", jpeg(number))
    return path


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
    with pytest.raises(SourceError, match="is no whole zip"):
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


@pytest.mark.parametrize("name", ["cifar10-images-n16-p100", "celeba64-images-n1-p10"])
def test_the_catalogued_pairs_are_built_from_their_data_sets(name: str, tmp_path: Path) -> None:
    root = write_binary(tmp_path) if "cifar10" in name else write_celeba(tmp_path)
    recipe = read_recipe(CATALOGUED / f"{name}.toml", root=root).with_sizes(train=100, test=100, probe=10, w1_rays=512)
    folder = build(recipe, tmp_path / "archive")
    assert all(figure.holds for figure in verify(folder))
    assert read_published_manifest(folder).shape == ((3, 32, 32) if "cifar10" in name else (3, 64, 64))


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
