"""A folder and a bucket keep the same promises: a file is whole or not there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from support.recipes import PHOTOS
from w1bench.builder.build import build
from w1bench.errors import InputError, MissingExtraError, UnreachableError
from w1bench.storage.backends import Storage, storage_at


def names(storage: Storage, wanted: list[str]) -> list[str]:
    return [name for name in wanted if storage.holds(name)]


def test_what_was_written_is_read_and_cleared(place: str) -> None:
    storage, content = storage_at(place), bytes(range(256)) * 30_000
    assert storage.is_empty()
    assert storage.open("a") is None
    for name in ("a", "b"):
        with storage.create(name) as file:
            file.write(content)
    with storage.create("a") as file:
        file.write(b"new")
    assert names(storage, ["a", "b", "c"]) == ["a", "b"]
    for name, expected in (("a", b"new"), ("b", content)):
        opened = storage.open(name)
        assert opened is not None
        with opened:
            assert opened.read() == expected
    storage.remove("b")
    storage.remove("c")
    assert names(storage, ["a", "b"]) == ["a"]
    assert not storage.is_empty()
    assert storage_at(f"{place}/below").is_empty()
    storage.clear()
    assert storage.is_empty()
    assert names(storage, ["a", "b"]) == []


def test_a_write_that_fails_leaves_what_was_there(place: str) -> None:
    storage = storage_at(place)
    with storage.create("a") as file:
        file.write(b"old")
    with pytest.raises(ZeroDivisionError), storage.create("a") as file:
        file.write(b"new" * (1 // 0))
    opened = storage.open("a")
    assert opened is not None
    with opened:
        assert opened.read() == b"old"


def test_a_file_is_put_and_borrowed_whole(place: str, tmp_path: Path) -> None:
    storage, content = storage_at(place), bytes(range(256)) * 30_000
    for name in ("ab/first", "ab/second"):
        file = tmp_path / "file"
        file.write_bytes(content)
        storage.put(name, file)
        file.unlink(missing_ok=True)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with storage.local("ab/first", scratch) as path:
        assert path.read_bytes() == content
    assert list(scratch.iterdir()) == []
    with pytest.raises(FileNotFoundError), storage.local("ab/third", scratch):
        pass
    with pytest.raises(KeyError), storage.local("ab/second", scratch):
        raise KeyError  # the block's own errors are its own
    assert list(scratch.iterdir()) == []


def test_a_bucket_that_is_not_there_is_a_sentence(bucket: str, tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match=r"s3://nowhere/.* cannot be used .*AWS_ENDPOINT_URL"):
        build(PHOTOS, tmp_path, shards="s3://nowhere")
    with pytest.raises(InputError, match="ftp://shards is not a place for files; give s3://bucket/prefix"):
        storage_at("ftp://shards")


def test_object_storage_without_its_extra_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore.exceptions", None)
    with pytest.raises(MissingExtraError, match=r"extra `s3`"):
        storage_at("s3://shards").is_empty()
