"""CIFAR-10 in its official layouts; what is missing or damaged is named with its remedy."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.data_sets import archive, batches, write_binary, write_python
from w1bench.errors import SourceError
from w1bench.sources.images.cifar10 import cifar10_pixels


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
    with pytest.raises(SourceError, match=r"data_batch_2.bin .* not a whole number of 3073-byte records"):
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
        with pytest.raises(SourceError, match="is not a tar archive, or it is truncated"):
            cifar10_pixels(path)
    (tmp_path / "python" / "cifar-10-batches-py" / "data_batch_3").write_bytes(pickle.dumps({b"data": _Evil()}))
    with pytest.raises(SourceError, match=r"is not a CIFAR-10 batch \(it names builtins.eval\)"):
        cifar10_pixels(tmp_path / "python" / "cifar-10-batches-py")
    assert capsys.readouterr().out == ""
