"""Readers that share no code with ours: the HDF5 tools' h5dump, and Hugging Face's `load_dataset`."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.recipes import small_recipe
from w1bench.archive import hdf5 as store
from w1bench.archive.manifest import Manifest, read_published_manifest
from w1bench.builder.build import build

_H5DUMP_TYPES = {"<f4": "H5T_IEEE_F32LE", "<f8": "H5T_IEEE_F64LE"}
_DATASET = re.compile(
    r'DATASET "(?P<name>\w+)" \{\s*DATATYPE\s+(?P<type>\w+)\s*DATASPACE\s+SIMPLE \{ \( (?P<shape>[\d, ]+) \) /'
)


@pytest.fixture(scope="module")
def h5dump() -> str:
    found = shutil.which("h5dump")
    if not found:
        pytest.skip("h5dump is not installed; it is in the package hdf5-tools (apt-get install hdf5-tools)")
    return found


@pytest.fixture(scope="module")
def load_dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Hugging Face's function, offline, with a cache of its own."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HF_HUB_OFFLINE", "1")
        environment.setenv("HF_HOME", str(tmp_path_factory.mktemp("hugging-face")))
        import datasets

        datasets.disable_progress_bars()
        yield datasets.load_dataset


@pytest.fixture(scope="module")
def unusual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest shapes, compressed: one coordinate, one funnel."""
    recipe = small_recipe("small-d1-n1", source={"kind": "uniform", "dim": 1}, funnel={"count": 1})
    return build(recipe, tmp_path_factory.mktemp("unusual"), gzip=True)


def test_h5dump_reads_every_header_and_the_same_bytes(
    h5dump: str, pair_folder: Path, unusual: Path, tmp_path: Path
) -> None:
    for folder in (pair_folder, unusual):
        manifest = read_published_manifest(folder)
        for role in manifest.contents:
            path = folder / f"{role}.h5"
            header = _run(h5dump, "--header", str(path))
            assert _data_sets(header) == _expected(manifest, role)
            for name in manifest.attributes(role):
                assert f'ATTRIBUTE "{name}"' in header
            for name in manifest.specs(role):
                _run(h5dump, f"--dataset=/{name}", "--binary=LE", f"--output={tmp_path / name}", str(path))
                with store.open_file(path) as file:
                    assert (tmp_path / name).read_bytes() == store.datasets(file)[name][...].tobytes(), (role, name)


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _data_sets(header: str) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Type and shape of each data set that a header speaks of."""
    return {
        found["name"]: (found["type"], tuple(map(int, found["shape"].split(", "))))
        for found in _DATASET.finditer(header)
    }


def _expected(manifest: Manifest, role: str) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {name: (_H5DUMP_TYPES[spec.dtype.str], spec.shape) for name, spec in manifest.specs(role).items()}


@pytest.mark.parametrize("role", [*store.ROLES, "funnel"])
def test_hugging_face_reads_every_file(
    load_dataset: Any, role: str, pair_folder: Path, unusual: Path, tmp_path: Path
) -> None:
    for folder in (pair_folder, unusual):
        path = folder / f"{role}.h5"
        loaded = load_dataset("hdf5", data_files=str(path), split="train", cache_dir=str(tmp_path))
        specs = read_published_manifest(folder).specs(role)
        assert set(loaded.column_names) == set(specs)
        with store.open_file(path) as file:
            for name, rows in store.datasets(file).items():
                spec = specs[name]
                read = loaded.with_format("numpy", dtype=spec.dtype)[:3][name]  # its own default is float32
                assert (len(loaded), *read.shape[1:]) == spec.shape
                np.testing.assert_array_equal(read, rows[:3], err_msg=f"{role} {name}")
