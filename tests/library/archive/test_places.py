"""The places of data sets in a manifest: by them, any program reads rows with one request for a range of bytes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from support.ranges import rows_by_curl, rows_of, span_of
from support.recipes import SEALED, Sealed, small_recipe
from support.static_host import static_host
from w1bench.archive import hdf5 as store
from w1bench.archive.commitment import REVEAL, Truth, read_reveal
from w1bench.archive.manifest import FILENAME, Manifest, parse_manifest, read_published_manifest
from w1bench.builder.build import build
from w1bench.builder.verify import verify
from w1bench.errors import CheckFailedError
from w1bench.site.export import export


def test_every_row_read_by_its_bytes_is_the_row_that_h5py_reads(pair_folder: Path, manifest: Manifest) -> None:
    for file, entry in manifest.files.items():
        content = (pair_folder / file).read_bytes()
        assert entry.places is not None
        assert set(entry.places) == set(manifest.specs(file.removesuffix(".h5")))
        with store.open_file(pair_folder / file) as opened:
            for name, dataset in store.datasets(opened).items():
                place = entry.places[name]
                first, last = span_of(place, 0, len(dataset))
                assert (rows_of(content[first : last + 1], place) == dataset[:]).all(), (file, name)
                first, last = span_of(place, len(dataset) - 1, len(dataset))
                assert (rows_of(content[first : last + 1], place)[0] == dataset[-1]).all(), (file, name)


def test_curl_and_od_read_the_rows_from_a_static_host(archive: Path, tmp_path: Path) -> None:
    export(archive, tmp_path / "site")
    with static_host(tmp_path / "site") as host:
        for pair in ("small-d2-n4-p8", "small-digits"):
            for file, entry in read_published_manifest(archive / pair).files.items():
                assert entry.places is not None
                with store.open_file(archive / pair / file) as opened:
                    for name, place in entry.places.items():
                        start, stop = 1, min(4, place.shape[0])
                        rows = rows_by_curl(f"{host.url}/{pair}/{file}", place, start, stop)
                        np.testing.assert_array_equal(rows, store.datasets(opened)[name][start:stop])


def test_a_compressed_file_has_no_places(tmp_path: Path) -> None:
    folder = build(small_recipe(), tmp_path, gzip=True)
    assert {entry.places for entry in read_published_manifest(folder).files.values()} == {None}
    assert "places" not in (folder / FILENAME).read_text()
    assert all(figure.holds for figure in verify(folder))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('"offset": 2048', '"offset": 2056', "places of data sets are not those of"),
        ('"constant": 0.', '"constant": 0.9', "says constant"),
        ('"radial": 0.', '"radial": 0.9', "says radial"),
        ('"effective": ', '"effective": 1', "says effective"),
        ('"centred": ', '"centred": 7', "says centred"),
        ('"w1_exact": 1.', '"w1_exact": 1.0000', "says w1_exact"),
    ],
)
def test_an_edited_place_or_profile_is_found(archive: Path, tmp_path: Path, old: str, new: str, sentence: str) -> None:
    folder = Path(shutil.copytree(archive / "small-d2-n4-p8", tmp_path / "small-d2-n4-p8"))
    text = (folder / FILENAME).read_text()
    assert old in text
    (folder / FILENAME).write_text(text.replace(old, new, 1))
    with pytest.raises(CheckFailedError, match=sentence):
        verify(folder)


def test_a_manifest_of_before_has_none_of_them_and_holds(archive: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(archive / "small-d2-n4-p8", tmp_path / "small-d2-n4-p8"))
    manifest = read_published_manifest(folder)
    files = {name: entry.model_copy(update={"places": None}) for name, entry in manifest.files.items()}
    older = manifest.model_copy(update={"files": files, "profile": None, "w1_exact": None})
    (folder / FILENAME).write_text(older.text())
    assert not {"places", "profile", "w1_exact"} & set(older.text().split('"'))
    assert parse_manifest(older.text().encode(), origin="a test").digest() == manifest.digest()
    assert verify(folder) == manifest.certificate


def test_a_sealed_pair_keeps_its_profile_back_and_commits_to_it(sealed_pair: Sealed) -> None:
    manifest = read_published_manifest(sealed_pair.folder)
    assert (manifest.profile, manifest.w1_exact) == (None, None)
    assert "profile" not in (sealed_pair.folder / FILENAME).read_text()
    truth = read_reveal(sealed_pair.kept, manifest).truth
    assert truth.profile is not None
    assert truth.profile.effective > 2
    assert "profile" in (sealed_pair.kept / REVEAL).read_text()
    assert SEALED.name == manifest.name


def test_the_digest_of_a_truth_of_before_is_what_it_was() -> None:
    entry = {"bytes": 1, "sha256": "0" * 64, "logical_digest": "1" * 64}
    figure = {"name": "a", "value": 0.0, "limit": 1.0, "meaning": "b"}
    older = {"published": {"train.h5": "2" * 64}, "files": {"truth.h5": entry}, "funnels": 3, "dominated_funnels": 0, "w1": 1.5,
             "w1_stderr": 0.25, "w1_rays": 7, "certificate": [figure]}  # fmt: skip
    assert (
        Truth.model_validate(older).digest().hex() == "d7aa0f7f0c4bc3cf9d1b857626b9d787b0f156276cf8f96596b0f206b5c61748"
    )
