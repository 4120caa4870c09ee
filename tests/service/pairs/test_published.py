"""The service shows what the archive holds now: new pairs at once, unfinished and foreign ones never."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from w1bench.archive.catalogue import catalogue
from w1bench.archive.manifest import read_published_manifest
from w1bench_server.errors import NotPublishedError
from w1bench_server.pairs.catalogue import PublishedPair, PublishedPairs
from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app

NAME = "small-d2-n4-p8"
Problem = Callable[[Any, int], dict[str, Any]]


@pytest.fixture
def growing(tmp_path: Path) -> Path:
    """An archive without a pair."""
    folder = tmp_path / "growing"
    folder.mkdir()
    return folder


def test_the_list_is_the_catalogue_and_its_track(shared: TestClient, archive: Path) -> None:
    listed = shared.get("/v1/pairs").json()
    assert listed["next"] is None
    tracks = {entry["name"]: entry.pop("track") for entry in listed["pairs"]}
    assert listed["pairs"] == [entry.model_dump() for entry in catalogue(archive)]
    assert tracks == {
        "small-ball-d2-p8": "ball",
        "small-d16-n64-p8": "hd",
        "small-d2-n4-p8": "hd",
        "small-digits": "images",
        "small-photos": "images",
    }


def test_the_list_is_filtered_by_track_and_dimension(shared: TestClient) -> None:
    def names(**filters: object) -> list[str]:
        return [entry["name"] for entry in shared.get("/v1/pairs", params=filters).json()["pairs"]]

    assert names(track="images") == ["small-digits", "small-photos"]
    assert names(dim=2) == ["small-ball-d2-p8", "small-d2-n4-p8"]
    assert names(dim=2, track="ball") == ["small-ball-d2-p8"]
    assert names(dim=3) == []
    assert names(family="ball") == ["small-ball-d2-p8"]
    assert names(family="funnel", dim=2) == ["small-d2-n4-p8"]
    assert names(family="smooth") == []


@pytest.mark.parametrize("limit", [1, 2, 5, 500])
def test_pages_follow_one_another(shared: TestClient, limit: int) -> None:
    whole = shared.get("/v1/pairs").json()["pairs"]
    seen: list[Any] = []
    cursor = None
    for _ in range(len(whole)):
        params = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        page = shared.get("/v1/pairs", params=params).json()
        assert len(page["pairs"]) <= limit
        seen += page["pairs"]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == whole


@pytest.mark.parametrize("query", ["limit=501", "limit=99999999999999", "cursor=%21", "cursor=4pyT4p", "cursor=%00"])
def test_too_long_pages_and_strange_cursors_are_400(shared: TestClient, is_problem: Problem, query: str) -> None:
    assert is_problem(shared.get(f"/v1/pairs?{query}"), 400)["errors"][0]["pointer"].startswith("#/query/")


def test_the_manifest_and_the_certificate_are_those_of_the_files(shared: TestClient, pair: PublishedPair) -> None:
    assert shared.get(f"/v1/pairs/{NAME}").json() == json.loads(pair.manifest.text())
    certificate = shared.get(f"/v1/pairs/{NAME}/certificate").json()
    assert (certificate["pair"], certificate["pair_digest"]) == (NAME, pair.digest)
    assert len(certificate["figures"]) == len(pair.manifest.certificate)
    described = shared.get(f"/v1/pairs/{NAME}/croissant.json")
    assert described.content == (pair.folder / "croissant.json").read_bytes()
    assert described.headers["content-type"] == "application/json"
    assert all(figure["holds"] for figure in certificate["figures"])


def test_a_new_pair_appears_without_a_restart_an_unfinished_one_never(
    growing: Path, archive: Path, tmp_path: Path, is_problem: Problem
) -> None:
    settings = Settings(archive=growing, data=tmp_path / "data", min_free_bytes=0)
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        unfinished = growing / f".{NAME}.building"
        shutil.copytree(archive / NAME, unfinished)
        assert client.get("/v1/pairs").json() == {"pairs": [], "next": None}
        is_problem(client.get(f"/v1/pairs/{unfinished.name}"), 404)
        is_problem(client.get(f"/v1/pairs/{NAME}"), 404)
        unfinished.rename(growing / NAME)
        assert [entry["name"] for entry in client.get("/v1/pairs").json()["pairs"]] == [NAME]
        assert client.get(f"/v1/pairs/{NAME}").status_code == 200
        assert NAME in client.get("/").text
        shutil.rmtree(growing / NAME)
        is_problem(client.get(f"/v1/pairs/{NAME}"), 404)
        growing.rmdir()
        is_problem(client.get("/v1/pairs"), 503)
        is_problem(client.get("/readyz"), 503)


def test_a_damaged_pair_hides_no_other_and_shows_no_path(
    growing: Path, archive: Path, tmp_path: Path, is_problem: Problem
) -> None:
    for name in (NAME, "small-ball-d2-p8", "small-digits"):
        shutil.copytree(archive / name, growing / name)
    (growing / NAME / "manifest.json").write_text('{"name": 1}')
    (growing / "small-digits").rename(growing / "renamed")
    with (growing / "small-ball-d2-p8" / "test.h5").open("ab") as file:
        file.write(b"x")
    settings = Settings(archive=growing, data=tmp_path / "data", min_free_bytes=0)
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        assert [entry["name"] for entry in client.get("/v1/pairs").json()["pairs"]] == ["small-ball-d2-p8"]
        for path in (f"/v1/pairs/{NAME}", "/v1/pairs/renamed", "/v1/pairs/small-ball-d2-p8/files/test.h5"):
            assert str(growing) not in is_problem(client.get(path), 500)["detail"]
        assert client.get("/v1/pairs/small-ball-d2-p8/files/train.h5").status_code == 200


def test_manifests_are_read_again_only_when_they_change(growing: Path, archive: Path) -> None:
    shutil.copytree(archive / NAME, growing / NAME)
    pairs = PublishedPairs(growing)
    first = pairs.get(NAME)
    assert pairs.get(NAME) is first
    manifest = read_published_manifest(growing / NAME)
    (growing / NAME / "manifest.json").write_text(manifest.model_copy(update={"licence": "another"}).text())
    assert pairs.get(NAME).manifest.licence == "another"


def test_links_out_of_the_archive_are_not_followed(growing: Path, archive: Path) -> None:
    (growing / NAME).symlink_to(archive / NAME)
    with pytest.raises(NotPublishedError):
        PublishedPairs(growing).get(NAME)
    (growing / NAME).unlink()
    shutil.copytree(archive / NAME, growing / NAME)
    (growing / NAME / "README.md").unlink()
    (growing / NAME / "README.md").symlink_to("/etc/passwd")
    pairs = PublishedPairs(growing)
    with pytest.raises(NotPublishedError):
        pairs.file(pairs.get(NAME), "README.md")
