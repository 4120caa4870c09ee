"""Nothing that a sealed pair publishes tells anything of its truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from support.files import contents
from support.recipes import SEALED, Sealed
from support.sealed_pairs import rows_of, truth_of
from support.truth_search import found
from w1bench.archive import hdf5 as store
from w1bench.archive.fetch import fetch
from w1bench.archive.manifest import SECRET, read_published_manifest
from w1bench.archive.reveal import reveal
from w1bench.builder.describe.preview import draw_preview
from w1bench.site.export import export


def test_nothing_public_holds_anything_of_the_truth(sealed_copy: Sealed, tmp_path: Path) -> None:
    export(sealed_copy.archive, tmp_path / "site")
    fetch(SEALED.name, str(sealed_copy.archive), tmp_path / "cache")
    public = {
        name: c
        for folder in (sealed_copy.archive, tmp_path / "site", tmp_path / "cache")
        for name, c in contents(folder).items()
    }
    assert {f"{SEALED.name}/preview.png", f"{SEALED.name}/index.html", "catalogue.json", "index.html"} <= public.keys()
    assert found(public, sealed_copy.kept) == set()
    reveal(sealed_copy.folder, sealed_copy.truth)
    after = {
        hit.split(" in ")[0] for hit in found(contents(sealed_copy.archive), sealed_copy.kept)
    }  # the search finds what is there
    shown = {"w1 as shown", "w1_stderr as shown"}
    assert after - shown == {
        "secret",
        "salt",
        "seed",
        "w1",
        "w1_stderr",
        *store.TRUTH_ROLES["truth"],
        "center",
        "offset",
    }


def test_a_seed_is_found_in_any_words_but_not_in_a_digest(sealed_pair: Sealed) -> None:
    """Which has the digits of a short one by chance."""
    seed = json.loads((sealed_pair.kept / "reveal.json").read_text())["recipe"]["seed"]
    for text in (f"seed{seed}, and so on", f"its seed is 0x{seed:x} here"):
        assert found({"said": text.encode()}, sealed_pair.kept) == {"seed in said"}
    assert found({"said": f"sha256 {seed:x}".encode().ljust(71, b"0")}, sealed_pair.kept) == set()


def test_the_published_files_have_the_unpaired_rows_alone(sealed_pair: Sealed) -> None:
    names = {path.name for path in sealed_pair.folder.iterdir()}
    assert names == {"train.h5", "test.h5", "probe.h5", "manifest.json", "README.md", "croissant.json", "preview.png"}
    assert {path.name for path in sealed_pair.kept.iterdir()} == {
        "reveal.json",
        "truth.h5",
        "funnel.h5",
        "diagnostics.json",
    }
    assert set(rows_of(sealed_pair, "test")) == set(rows_of(sealed_pair, "train")) == {"input", "target"}
    manifest = json.loads((sealed_pair.folder / "manifest.json").read_text())
    assert not set(SECRET) & set(manifest)
    assert set(manifest["recipe"]) == {"name", "version", "power", "half_width", "source", "sizes"}
    assert [figure["name"] for figure in manifest["certificate"]] == ["containment"]
    with store.open_file(sealed_pair.folder / "test.h5") as file:
        assert not {"w1", "w1_stderr"} & set(store.attributes(file))
    hidden = {path.name for path in sealed_pair.archive.iterdir() if path.name.startswith(".")}
    assert hidden == {".lock", f".{SEALED.name}.lock"}


def test_no_public_row_is_on_a_ray_with_another_of_its_file(sealed_pair: Sealed) -> None:
    truth, test = truth_of(sealed_pair), rows_of(sealed_pair, "test")
    for partner in (test["target"], rows_of(sealed_pair, "train")["target"][:1500]):
        direction = (test["input"] - partner) / np.linalg.norm(test["input"] - partner, axis=1, keepdims=True)
        assert np.abs(np.vecdot(direction, truth["gradient"])).max() < 0.999
        assert not np.isin(truth["transported"], partner).any()
    paired = (test["input"] - truth["transported"]) / np.linalg.norm(
        test["input"] - truth["transported"], axis=1, keepdims=True
    )
    np.testing.assert_allclose(np.vecdot(paired, truth["gradient"]), 1)  # as it would be seen


def test_the_picture_is_drawn_from_public_rows(sealed_pair: Sealed, tmp_path: Path) -> None:
    test, manifest = rows_of(sealed_pair, "test"), read_published_manifest(sealed_pair.folder)
    draw_preview(tmp_path / "preview.png", manifest, None, test["input"], test["target"])
    assert (tmp_path / "preview.png").read_bytes() == (sealed_pair.folder / "preview.png").read_bytes()


def test_the_truth_is_its_owner_s_alone(sealed_pair: Sealed) -> None:
    assert sealed_pair.kept.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in sealed_pair.kept.iterdir()} == {0o600}
    assert (sealed_pair.folder / "test.h5").stat().st_mode & 0o044
