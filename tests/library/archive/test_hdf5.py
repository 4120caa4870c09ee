"""The HDF5 files: read back as written, readable by anyone, the same bytes again."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from w1bench.archive import hdf5 as store
from w1bench.archive.hdf5 import Spec
from w1bench.archive.manifest import Manifest
from w1bench.arrays import blocks
from w1bench.errors import CheckFailedError, PairError

SPECS = {"input": Spec((700, 3), np.dtype("<f4")), "target": Spec((700,), np.dtype("<f8"))}


def write(path: Path, *, gzip: bool = False) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    values = {name: rng.random(spec.shape).astype(spec.dtype) for name, spec in SPECS.items()}
    with store.create(path, SPECS, gzip=gzip) as datasets:
        for name, dataset in datasets.items():
            dataset[...] = values[name]
    store.annotate(path, {"name": "täst", "w1": 1.5, "version": 3})
    return values


@pytest.mark.parametrize("gzip", [False, True])
def test_what_is_written_reads_back(tmp_path: Path, gzip: bool) -> None:
    values = write(tmp_path / "a.h5", gzip=gzip)
    with store.open_file(tmp_path / "a.h5") as file:
        assert store.attributes(file) == {"name": "täst", "w1": 1.5, "version": 3}
        for name, dataset in store.datasets(file).items():
            np.testing.assert_array_equal(dataset[:], values[name])


def test_the_same_content_gives_the_same_bytes_and_gzip_the_same_logical_digest(tmp_path: Path) -> None:
    for name, gzip in (("a.h5", False), ("b.h5", False), ("c.h5", True)):
        write(tmp_path / name, gzip=gzip)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    assert store.logical_digest(tmp_path / "a.h5") == store.logical_digest(tmp_path / "c.h5")
    with h5py.File(tmp_path / "b.h5", "r+") as file:
        file["target"][3] += 1e-15
    assert store.logical_digest(tmp_path / "a.h5") != store.logical_digest(tmp_path / "b.h5")


def test_data_sets_are_contiguous_unfiltered_and_can_be_memory_mapped(pair_folder: Path, manifest: Manifest) -> None:
    for role in manifest.contents:
        path = pair_folder / f"{role}.h5"
        with store.open_file(path) as file:
            for name, dataset in store.datasets(file).items():
                assert (dataset.chunks, dataset.compression) == (None, None)
                mapped = np.memmap(path, dataset.dtype, "r", dataset.id.get_offset(), dataset.shape)
                np.testing.assert_array_equal(mapped, dataset[:], err_msg=f"{role} {name}")
                assert Spec(dataset.shape, dataset.dtype) == manifest.specs(role)[name]
            rows = {dataset.shape[0] for dataset in store.datasets(file).values()}
            assert len(rows) == 1


def test_attributes_name_the_pair_in_every_file(pair_folder: Path, manifest: Manifest) -> None:
    for role in manifest.contents:
        with store.open_file(pair_folder / f"{role}.h5") as file:
            found = store.attributes(file)
            assert found == manifest.attributes(role)
            assert {"format", "format_version", "name", "version", "role", "recipe_sha256", "w1", "w1_stderr",
                    "half_width", "licence", "citation", "software"} <= set(found)  # fmt: skip


def test_missing_truncated_and_foreign_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(PairError, match=r"a.h5 is missing"):
        store.open_file(tmp_path / "a.h5")
    write(tmp_path / "a.h5")
    whole = (tmp_path / "a.h5").read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"no HDF5"):
        (tmp_path / "b.h5").write_bytes(content)
        with pytest.raises(CheckFailedError, match=r"b.h5 cannot be opened as HDF5"):
            store.open_file(tmp_path / "b.h5")


def test_other_data_sets_than_needed_are_said(tmp_path: Path) -> None:
    write(tmp_path / "a.h5")
    with store.open_file(tmp_path / "a.h5") as file:
        store.check_file(file, "train", SPECS)
        with pytest.raises(CheckFailedError, match=r"input \(700, 3\) <f4.*needed: input \(700, 4\) <f4"):
            store.check_file(file, "train", SPECS | {"input": Spec((700, 4), np.dtype("<f4"))})


def test_blocks_cover_all_rows_once() -> None:
    array = np.zeros((1000, 100))
    covered = np.concatenate([np.arange(1000)[rows] for rows in blocks(array, 8 * 100 * 7)])
    np.testing.assert_array_equal(covered, np.arange(1000))


def test_every_data_set_of_an_open_pair_is_in_the_file_of_its_role(manifest: Manifest) -> None:
    for role, names in (store.ROLES | {"funnel": ("center", "offset")}).items():
        assert manifest.datasets(role) == dict.fromkeys(names, f"{role}.h5")
