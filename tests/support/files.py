"""Where the tests and the project's files lie, and comparisons of folders."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent


def assert_same(folder: Path, other: Path) -> None:
    """Two pairs with the same files to the byte; the first difference is named."""
    found, needed = contents(folder), contents(other)
    assert list(found) == list(needed)
    assert [name for name in needed if found[name] != needed[name]] == []


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too, by its path in the folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def tracked(root: Path) -> list[str]:
    """The project's files, as git lists them; an unpacked source distribution has no such list."""
    done = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout: the list of the project's files comes from git")
    return done.stdout.splitlines()
