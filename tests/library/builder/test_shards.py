"""Shards lie in a folder or a bucket: a build is resumed from those that are whole, and leaves none."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.files import assert_same
from support.recipes import PHOTOS
from w1bench.builder.build import build
from w1bench.builder.shards import ShardWork, shards_of
from w1bench.errors import PairError
from w1bench.storage.backends import Storage, storage_at


def test_shards_are_resumed_from_anywhere_damaged_ones_computed_again_and_all_removed(
    place: str, tmp_path: Path
) -> None:
    whole = build(PHOTOS, tmp_path / "whole")
    kept = storage_at(f"{place}/{PHOTOS.sha256()}")
    work = ShardWork(PHOTOS, kept)
    train = shards_of(work.pair_and_memory()[0], "train", 1)
    for shard in train:
        work(shard)
    _damage(kept, train[0].filename, at=5000)  # in an array
    _damage(kept, train[1].filename, at=-30)  # in the table of contents
    with pytest.raises(PairError, match=r"unfinished build of photos lies in .*--resume"):
        build(PHOTOS, tmp_path / "again", shards=place, tiles=1)
    folder = build(PHOTOS, tmp_path / "again", shards=place, tiles=1, resume=True)
    assert_same(folder, whole)
    assert kept.is_empty()


def _damage(storage: Storage, name: str, *, at: int) -> None:
    file = storage.open(name)
    assert file is not None
    with file:
        content = bytearray(file.read())
    content[at] ^= 1
    with storage.create(name) as damaged:
        damaged.write(content)


def test_an_intact_shard_is_not_computed_again(tmp_path: Path) -> None:
    work = ShardWork(PHOTOS, storage_at(str(tmp_path)))
    shard = shards_of(work.pair_and_memory()[0], "probe", 1)[0]
    first = work(shard)
    written = (tmp_path / shard.filename).stat()
    assert (work(shard) == first).all()
    assert (tmp_path / shard.filename).stat() == written
