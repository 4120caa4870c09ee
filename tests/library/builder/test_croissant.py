"""croissant.json: valid for mlcroissant, and true of the files beside it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import mlcroissant
import pytest

from support.recipes import small_recipe
from w1bench.archive.folder import check_digests
from w1bench.archive.manifest import Manifest
from w1bench.builder.build import build
from w1bench.builder.describe.croissant import croissant
from w1bench.errors import RecipeError
from w1bench.storage.files import file_digest


@pytest.fixture
def document(pair_folder: Path) -> dict[str, Any]:
    return json.loads((pair_folder / "croissant.json").read_text())


@pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib")  # it warns of its own graphs
def test_mlcroissant_finds_no_fault_but_the_date_that_is_left_out(pair_folder: Path, manifest: Manifest) -> None:
    metadata = mlcroissant.Dataset(str(pair_folder / "croissant.json")).metadata
    assert not metadata.ctx.issues.errors
    assert [warning for warning in metadata.ctx.issues.warnings if "datePublished" not in warning] == []
    assert (metadata.name, metadata.version) == (manifest.name, f"{manifest.version}.0.0")
    assert {file.content_url: file.sha256 for file in metadata.file_objects}["train.h5"] == (
        manifest.files["train.h5"].sha256
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib")
def test_the_responsible_ai_fields_are_there_and_told_apart(archive: Path) -> None:
    told: dict[str, Any] = {}
    for name in ("small-d2-n4-p8", "small-photos", "small-digits"):
        metadata = mlcroissant.Dataset(str(archive / name / "croissant.json")).metadata
        for field in (
            "data_collection", "data_collection_type", "data_limitations", "data_biases", "data_use_cases", "data_social_impact",
            "personal_sensitive_information", "data_release_maintenance_plan", "data_preprocessing_protocol", "data_annotation_protocol",
        ):  # fmt: skip
            assert getattr(metadata, field), (name, field)
        document = json.loads((archive / name / "croissant.json").read_text())
        assert document["rai:hasSyntheticData"] is True
        assert document["conformsTo"][1] == "http://mlcommons.org/croissant/RAI/1.0"
        told[name] = document["rai:personalSensitiveInformation"]
    assert told["small-d2-n4-p8"] == "None."
    assert "portrait" in told["small-photos"]
    assert "Handwriting" in told["small-digits"]


def test_author_licence_and_description_are_the_recipe_s(tmp_path: Path) -> None:
    about = {"description": "Four cones for a lecture.", "author": "A. Lecturer", "licence": "CC-BY-4.0"}
    recipe = small_recipe("told", sizes={"train": 200, "test": 200, "probe": 20, "w1_rays": 4096}, about=about)
    folder = build(recipe, tmp_path)
    document = json.loads((folder / "croissant.json").read_text())
    assert document["description"].startswith("Four cones for a lecture. Two distributions")
    assert document["creator"]["name"] == "A. Lecturer"
    assert document["license"] == "https://spdx.org/licenses/CC-BY-4.0.html"
    card = (folder / "README.md").read_text()
    assert "Four cones for a lecture." in card
    assert "Licence: CC-BY-4.0. Author: A. Lecturer." in card
    assert "targets Q: uniform on the cube of half width 2.5 in 2 dimensions" in card
    with pytest.raises(RecipeError, match="a line without <, > and |"):
        small_recipe("told", about={"author": "<script>"})


@pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib")
@pytest.mark.parametrize("lost", ["sha256", "encodingFormat", "contentUrl"])
def test_mlcroissant_would_find_one(lost: str, archive: Path, tmp_path: Path) -> None:
    document = json.loads((archive / "small-digits" / "croissant.json").read_text())
    del document["distribution"][0][lost]
    (tmp_path / "croissant.json").write_text(json.dumps(document))
    with pytest.raises(mlcroissant.ValidationError, match="train.h5"):
        mlcroissant.Dataset(str(tmp_path / "croissant.json"))


def test_every_file_beside_it_is_described_as_it_is(pair_folder: Path, document: dict[str, Any]) -> None:
    described = {file["contentUrl"]: (file["contentSize"], file["sha256"]) for file in document["distribution"]}
    beside = [path for path in pair_folder.iterdir() if path.name != "croissant.json"]
    assert described == {path.name: (f"{path.stat().st_size} B", file_digest(path)) for path in beside}


def test_it_says_what_the_pair_is_whom_to_cite_and_no_host(document: dict[str, Any], manifest: Manifest) -> None:
    assert f"{manifest.w1:.8g}" in document["description"]
    for words in ("Korotin, Alexander", "Kolesov, Alexander", "Burnaev, Evgeny", "2022", "2206.07767"):
        assert words in document["citeAs"]
    assert document["url"] == "./"
    assert not any("/" in file["contentUrl"] for file in document["distribution"])


@pytest.mark.parametrize(
    ("licence", "named"),
    [
        ("CC0-1.0", "https://spdx.org/licenses/CC0-1.0.html"),
        ("CC-BY-4.0 (digits)", ["https://spdx.org/licenses/CC-BY-4.0.html", "CC-BY-4.0 (digits)"]),
        ("that of the pictures", "that of the pictures"),
    ],
)
def test_known_licences_are_addresses(licence: str, named: object, pair_folder: Path, manifest: Manifest) -> None:
    told = croissant(manifest.model_copy(update={"licence": licence}), pair_folder)
    assert json.loads(told)["license"] == named


def test_the_archive_lists_it_and_a_pair_without_it_is_whole(archive: Path, manifest: Manifest, tmp_path: Path) -> None:
    digest = file_digest(archive / manifest.name / "croissant.json")
    assert f"{manifest.name}/croissant.json sha256:{digest}\n" in (archive / "registry.txt").read_text()
    copy = Path(shutil.copytree(archive / manifest.name, tmp_path / manifest.name))
    (copy / "croissant.json").unlink()
    check_digests(copy, manifest.files)
