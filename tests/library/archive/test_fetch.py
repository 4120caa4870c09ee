"""Fetching from a folder and over HTTP: resumable, checksummed, atomic."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.static_host import StaticHost, static_host
from w1bench.archive.catalogue import catalogue
from w1bench.archive.fetch import fetch, remote_catalogue
from w1bench.archive.folder import DIAGNOSTICS
from w1bench.builder.verify import verify
from w1bench.errors import CheckFailedError, PairError, UnreachableError

NAME = "small-d16-n64-p8"


@pytest.fixture
def host(archive: Path) -> Iterator[StaticHost]:
    with static_host(archive) as host:
        yield host


def test_a_pair_comes_whole_from_a_folder_and_from_a_host(archive: Path, host: StaticHost, tmp_path: Path) -> None:
    for number, origin in enumerate((str(archive), host.url)):
        folder = fetch(NAME, origin, tmp_path / str(number))
        assert all(figure.holds for figure in verify(folder))
        assert (folder / DIAGNOSTICS).read_bytes() == (archive / NAME / DIAGNOSTICS).read_bytes()


def test_what_is_there_is_not_fetched_again(host: StaticHost, tmp_path: Path) -> None:
    fetch(NAME, host.url, tmp_path)
    host.requests.clear()
    fetch(NAME, host.url, tmp_path)
    assert [path for path, _ in host.requests] == [f"/{NAME}/{name}" for name in ("manifest.json", DIAGNOSTICS)]


def test_only_takes_only(host: StaticHost, tmp_path: Path) -> None:
    folder = fetch(NAME, host.url, tmp_path, only=["test"])
    assert sorted(path.name for path in folder.iterdir()) == [DIAGNOSTICS, "manifest.json", "test.h5"]
    with pytest.raises(PairError, match=r"has no file nothing.h5; it has train.h5"):
        fetch(NAME, host.url, tmp_path, only=["nothing"])


def test_a_broken_download_is_continued_where_it_broke_off(host: StaticHost, tmp_path: Path) -> None:
    host.cut_after = 100_000
    with pytest.raises(UnreachableError, match=r"broke off after 100000 of \d+ bytes.*run the same command again"):
        fetch(NAME, host.url, tmp_path, only=["train"])
    assert not (tmp_path / NAME / "train.h5").exists()
    assert not (tmp_path / NAME / "manifest.json").exists()
    host.cut_after = None
    host.requests.clear()
    fetch(NAME, host.url, tmp_path, only=["train"])
    assert (f"/{NAME}/train.h5", "bytes=100000-") in host.requests
    assert (tmp_path / NAME / "train.h5").read_bytes() == (host.root / NAME / "train.h5").read_bytes()


def test_another_mirror_continues_what_one_broke_off(host: StaticHost, archive: Path, tmp_path: Path) -> None:
    host.cut_after = 100_000
    with pytest.raises(UnreachableError):
        fetch(NAME, host.url, tmp_path / "cache", only=["train"])
    host.cut_after, host.root = None, tmp_path / "other"
    host.root.mkdir()
    (host.root / "mirror").symlink_to(archive)
    fetch(NAME, f"{host.url}/mirror", tmp_path / "cache", only=["train"])
    assert (f"/mirror/{NAME}/train.h5", "bytes=100000-") in host.requests


def test_damage_on_the_way_is_found_and_thrown_away(host: StaticHost, tmp_path: Path) -> None:
    host.flip = True
    with pytest.raises(CheckFailedError, match="the copy was removed"):
        fetch(NAME, host.url, tmp_path)
    assert list((tmp_path / NAME).iterdir()) == []
    host.flip = False
    fetch(NAME, host.url, tmp_path)


def test_a_file_damaged_in_the_cache_is_replaced(archive: Path, tmp_path: Path) -> None:
    folder = fetch(NAME, str(archive), tmp_path)
    (folder / "test.h5").write_bytes(b"damage")
    fetch(NAME, str(archive), tmp_path)
    assert (folder / "test.h5").read_bytes() == (archive / NAME / "test.h5").read_bytes()


def test_a_damaged_folder_is_no_origin(archive: Path, tmp_path: Path) -> None:
    shutil.copytree(archive / NAME, tmp_path / "bad" / NAME)
    (tmp_path / "bad" / NAME / "train.h5").write_bytes(b"damage")
    with pytest.raises(CheckFailedError, match=r"gave 6 bytes"):
        fetch(NAME, str(tmp_path / "bad"), tmp_path / "cache")


def test_unknown_pairs_and_bad_names_are_said(archive: Path, host: StaticHost, tmp_path: Path) -> None:
    for origin in (str(archive), host.url):
        with pytest.raises(PairError, match="unknown"):
            fetch("unknown", origin, tmp_path)
        with pytest.raises(PairError, match="is not a pair's name"):
            fetch("../secret", origin, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_fails_or_is_not_there_is_unreachable(host: StaticHost, tmp_path: Path) -> None:
    host.status = 503
    with pytest.raises(UnreachableError, match="answered 503; check the address"):
        fetch(NAME, host.url, tmp_path)
    with pytest.raises(UnreachableError, match="does not answer"):
        fetch(NAME, "http://127.0.0.1:9", tmp_path)


def test_the_catalogue_of_a_host(archive: Path, host: StaticHost) -> None:
    assert remote_catalogue(host.url) == catalogue(archive)
    host.status = 404
    with pytest.raises(PairError, match="neither an archive"):
        remote_catalogue(host.url)


@pytest.mark.parametrize("name", ["../../escaped.h5", "/tmp/escaped.h5"])
def test_a_manifest_cannot_name_files_elsewhere(name: str, archive: Path, tmp_path: Path) -> None:
    shutil.copytree(archive / NAME, tmp_path / "bad" / NAME)
    path = tmp_path / "bad" / NAME / "manifest.json"
    path.write_text(path.read_text().replace('"train.h5"', f'"{name}"'))
    with pytest.raises(CheckFailedError, match="is damaged: it names the files"):
        fetch(NAME, str(tmp_path / "bad"), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_pair_under_another_name_is_refused(archive: Path, host: StaticHost, tmp_path: Path) -> None:
    shutil.copytree(archive / NAME, tmp_path / "other")
    host.root = tmp_path
    for origin in (str(tmp_path), host.url):
        with pytest.raises(CheckFailedError, match=f"is that of {NAME}"):
            fetch("other", origin, tmp_path / "cache")


def test_two_at_once_both_end_with_the_whole_pair(host: StaticHost, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        folders = list(pool.map(lambda _: fetch(NAME, host.url, tmp_path), range(4)))
    assert all(figure.holds for figure in verify(folders[0]))
    assert [path for path, _ in host.requests].count(f"/{NAME}/train.h5") == 1


def test_addresses_that_are_none_are_said(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="does not answer"):
        fetch(NAME, "http://[::1", tmp_path)
    with pytest.raises(UnreachableError, match="does not answer"):
        remote_catalogue("http://[::1")
