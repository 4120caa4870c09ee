"""The archive's index: catalogue, registry and checksums that other tools read."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from support.recipes import RECIPES
from w1bench.archive import catalogue as archives
from w1bench.errors import PairError


def test_the_catalogue_lists_every_published_pair_and_nothing_else(archive: Path, tmp_path: Path) -> None:
    names = sorted(recipe.name for recipe in RECIPES)
    entries = [entry.model_dump() for entry in archives.catalogue(archive)]
    assert [entry["name"] for entry in entries] == names
    assert json.loads((archive / "catalogue.json").read_text()) == {"pairs": entries}
    copy = Path(shutil.copytree(archive / names[0], tmp_path / names[0]))
    (tmp_path / "notes").mkdir()
    shutil.copytree(copy, tmp_path / ".hidden.building")
    assert [folder.name for folder in archives.published(tmp_path)] == [names[0]]


def test_sha256sums_are_read_by_sha256sum(archive: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=archive, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_registry_names_every_file_as_pooch_reads_it(archive: Path) -> None:
    lines = [line.split() for line in (archive / "registry.txt").read_text().splitlines()]
    assert all((archive / path).is_file() and digest.startswith("sha256:") for path, digest in lines)
    assert len(lines) == len(RECIPES) * 9  # four HDF5 files, the manifest, two cards, the picture and the diagnostics


def test_no_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(PairError, match="is not a folder"):
        archives.catalogue(tmp_path / "none")


def test_cards_say_what_a_pair_is(pair_folder: Path) -> None:
    card = (pair_folder / "README.md").read_text()
    assert pair_folder.name in card
    assert "W1 = " in card
    assert "ray_residual" in card


def test_a_damaged_pair_hides_no_other(archive: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("small-d2-n4-p8", "small-ball-d2-p8"):
        shutil.copytree(archive / name, tmp_path / name)
    (tmp_path / "small-d2-n4-p8" / "manifest.json").write_text("{}")
    shutil.copytree(archive / "small-ball-d2-p8", tmp_path / "copied")
    archives.write_index(tmp_path)
    assert [entry.name for entry in archives.catalogue(tmp_path)] == ["small-ball-d2-p8"]
    assert "small-d2-n4-p8 is left out" in caplog.text
    assert "copied is left out" in caplog.text
