"""Verify: every way a pair folder can be wrong ends in a sentence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from w1bench.archive import hdf5 as store
from w1bench.archive.manifest import Manifest, read_published_manifest
from w1bench.builder.verify import verify
from w1bench.errors import CheckFailedError, PairError
from w1bench.storage.files import file_digest


@pytest.fixture
def copy(archive: Path, tmp_path: Path) -> Path:
    """A pair that a test may damage."""
    return Path(shutil.copytree(archive / "small-d2-n4-p8", tmp_path / "small-d2-n4-p8"))


def reseal(folder: Path, **changes: object) -> None:
    """Make a manifest and its files agree again after an edit, as a forger would."""
    manifest = read_published_manifest(folder).model_copy(update=changes)
    for role in manifest.contents:
        with h5py.File(folder / f"{role}.h5", "r+") as file:
            for name in list(file.attrs):
                del file.attrs[name]
        store.annotate(folder / f"{role}.h5", manifest.attributes(role))
    entries = {
        name: entry.model_copy(
            update={
                "bytes": (folder / name).stat().st_size,
                "sha256": file_digest(folder / name),
                "logical_digest": store.logical_digest(folder / name),
            }
        )
        for name, entry in manifest.files.items()
    }
    (folder / "manifest.json").write_text(manifest.model_copy(update={"files": entries}).text())


def test_every_small_pair_verifies_as_it_was_certified(pair_folder: Path, manifest: Manifest) -> None:
    figures = verify(pair_folder)
    assert figures == manifest.certificate
    assert all(figure.holds for figure in figures)


DATASETS = [(role, name) for role, names in (store.ROLES | {"funnel": ("center", "offset")}).items() for name in names]


@pytest.mark.parametrize(("role", "name"), DATASETS)
def test_one_flipped_byte_in_any_data_set_is_found(copy: Path, role: str, name: str) -> None:
    path = copy / f"{role}.h5"
    with store.open_file(path) as file:
        place = store.datasets(file)[name].id.get_offset() + 5
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckFailedError, match=rf"{role}.h5 was changed: SHA-256"):
        verify(copy)


def _shift(name: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        with h5py.File(folder / "test.h5", "r+") as file:
            file[name][:] = np.roll(file[name][:], 1, axis=0)

    return edit


def _flip_low_bits(folder: Path) -> None:
    """Change one input by 1e-9, which digests that were made again do not show."""
    with h5py.File(folder / "test.h5", "r+") as file:
        file["input"][3, 0] += 1e-9


def _exchange_funnel(folder: Path) -> None:
    with h5py.File(folder / "funnel.h5", "r+") as file:
        file["center"][0] += 0.01


@pytest.mark.parametrize(
    ("edit", "figure"),
    [
        *((_shift(name), "") for name in store.ROLES["test"] if name != "target"),
        (_shift("target"), "target_potential"),
        (_flip_low_bits, "map_residual"),
        (_exchange_funnel, "map_residual"),
    ],
)
def test_edits_under_new_digests_break_the_certificate(copy: Path, edit: Callable[[Path], None], figure: str) -> None:
    edit(copy)
    reseal(copy)
    broken = {f.name for f in verify(copy) if not f.holds}
    assert broken
    assert not figure or figure in broken


def test_a_shifted_row_is_found(copy: Path) -> None:
    _shift("gradient")(copy)
    with pytest.raises(CheckFailedError, match=r"test.h5 was changed"):
        verify(copy)


def test_a_funnel_file_of_another_pair_is_found(copy: Path, archive: Path) -> None:
    shutil.copy(archive / "small-d16-n64-p8" / "funnel.h5", copy / "funnel.h5")
    with pytest.raises(CheckFailedError, match=r"funnel.h5 is too long"):
        verify(copy)


@pytest.mark.parametrize("left", [0, 100, 0.5, 0.999])
def test_a_truncated_file_is_found(copy: Path, left: float) -> None:
    content = (copy / "train.h5").read_bytes()
    (copy / "train.h5").write_bytes(content[: int(left if left >= 1 else left * len(content))])
    with pytest.raises(CheckFailedError, match=r"train.h5 is truncated: \d+ bytes, needed \d+"):
        verify(copy)


def test_a_missing_file_is_found(copy: Path) -> None:
    (copy / "probe.h5").unlink()
    with pytest.raises(CheckFailedError, match=r"probe.h5 is missing"):
        verify(copy)


def test_a_wrong_w1_in_the_manifest_is_found(copy: Path) -> None:
    manifest = read_published_manifest(copy)
    (copy / "manifest.json").write_text(manifest.model_copy(update={"w1": manifest.w1 * 1.0001}).text())
    with pytest.raises(CheckFailedError, match=r"train.h5 has w1 = .* the manifest says"):
        verify(copy)


@pytest.mark.parametrize("factor", [0.9, 1.005, 1 + 1e-6])
def test_a_wrong_w1_everywhere_is_found_by_estimating_it_again(copy: Path, factor: float) -> None:
    reseal(copy, w1=read_published_manifest(copy).w1 * factor)
    assert "w1_replayed" in {f.name for f in verify(copy) if not f.holds}


@pytest.mark.parametrize("changes", [{"w1_rays": 1000}, {"w1_stderr": 1.0e-3}])
def test_another_number_of_rays_or_error_of_w1_is_found(copy: Path, changes: dict[str, float]) -> None:
    reseal(copy, **changes)
    assert "w1_replayed" in {f.name for f in verify(copy) if not f.holds}


def test_a_wrong_w1_under_a_large_standard_error_is_found(copy: Path) -> None:
    manifest = read_published_manifest(copy)
    reseal(copy, w1=2 * manifest.w1, w1_stderr=10.0)
    assert "w1_stderr" in {f.name for f in verify(copy) if not f.holds}


def test_an_edited_certificate_is_found(copy: Path) -> None:
    manifest = read_published_manifest(copy)
    better = [f.model_copy(update={"value": f.value - 1}) for f in manifest.certificate]
    reseal(copy, certificate=tuple(better))
    with pytest.raises(CheckFailedError, match="says ray_residual = -1 under 1e-12, but it is"):
        verify(copy)
    wider = [f.model_copy(update={"limit": 1e9}) for f in manifest.certificate]
    reseal(copy, certificate=tuple(wider))
    with pytest.raises(CheckFailedError, match="under 1e\\+09"):
        verify(copy)
    reseal(copy, certificate=())
    with pytest.raises(CheckFailedError, match="does not have the figures of this pair"):
        verify(copy)


def _nan_centre(folder: Path) -> None:
    with h5py.File(folder / "funnel.h5", "r+") as file:
        file["center"][0] = np.nan


def _partner_on_a_centre(folder: Path) -> None:
    with h5py.File(folder / "funnel.h5", "r") as funnel, h5py.File(folder / "test.h5", "r+") as test:
        test["transported"][3] = funnel["center"][0]


@pytest.mark.parametrize("edit", [_nan_centre, _partner_on_a_centre])
def test_points_that_no_pair_has_fail_the_check(copy: Path, edit: Callable[[Path], None]) -> None:
    edit(copy)
    reseal(copy)
    with pytest.raises(CheckFailedError, match="holds points that no pair has"):
        verify(copy)


def test_another_count_of_dominated_funnels_is_found(copy: Path) -> None:
    reseal(copy, dominated_funnels=77)
    with pytest.raises(CheckFailedError, match="77 dominated ones"):
        verify(copy)


def test_paired_training_rows_are_found(copy: Path) -> None:
    with h5py.File(copy / "test.h5", "r") as test, h5py.File(copy / "train.h5", "r+") as train:
        for name, partner in (("input", "input"), ("target", "transported")):
            train[name][1500:] = test[partner][:]
    reseal(copy)
    assert "train_unpaired" in {f.name for f in verify(copy) if not f.holds}


@pytest.mark.parametrize(("name", "value"), [("power", 9.0), ("half_width", 3.0), ("version", 2), ("name", "other")])
def test_a_manifest_that_contradicts_its_recipe_is_found(copy: Path, name: str, value: object) -> None:
    reseal(copy, **{name: value})
    with pytest.raises(CheckFailedError, match=f"{name} is {value} in the manifest"):
        verify(copy)


def test_a_changed_recipe_is_found(copy: Path) -> None:
    document = json.loads((copy / "manifest.json").read_text())
    document["recipe"]["seed"] = 8
    (copy / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(CheckFailedError, match="the recipe in the manifest has SHA-256"):
        verify(copy)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("files", {}),
        ("dtype", "banana"),
        ("software", {}),
        ("w1_rays", -1),
        ("w1", float("nan")),
        ("shape", [0]),
        ("recipe", {}),
        ("name", "../x"),
    ],
)
def test_fields_that_no_pair_has_are_said(copy: Path, name: str, value: object) -> None:
    document = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(document | {name: value}))
    with pytest.raises(CheckFailedError, match="is damaged"):
        verify(copy)


def test_damaged_missing_and_newer_manifests_are_said(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(PairError, match="is not a pair's folder"):
        verify(tmp_path)
    document = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(document | {"format_version": 3}))
    with pytest.raises(CheckFailedError, match="format version 3"):
        verify(copy)
    (copy / "manifest.json").write_text("{")
    with pytest.raises(CheckFailedError, match="is damaged"):
        verify(copy)
