"""Durable files: whole under their name, or not there at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from w1bench.storage.files import atomic_write, write_atomically


def test_a_file_takes_its_name_when_it_is_whole(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"old")
    with atomic_write(tmp_path / "a") as file:
        file.write(b"new")
        file.flush()
        assert (tmp_path / "a").read_bytes() == b"old"
    assert (tmp_path / "a").read_bytes() == b"new"


def test_an_error_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"old")

    def stumble() -> None:
        with atomic_write(tmp_path / "a") as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stumble()
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"old")]
