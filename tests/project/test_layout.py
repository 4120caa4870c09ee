"""The layout and the direction of imports are what the documents say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.files import ROOT, tracked

TOP = {
    "pyproject.toml", "README.md", "Makefile", "generator", "server", "datasets", "tests", "docker", "docs", "LICENSE",
    "CHANGELOG.md", "CITATION.cff", "constraints.txt", ".ci", ".github", ".gitignore",
}  # fmt: skip


def test_imports_flow_one_way_solvers_are_blind_and_readers_are_light() -> None:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_top_level_is_fixed() -> None:
    assert {path.split("/")[0] for path in tracked(ROOT)} <= TOP


def test_no_python_in_datasets_or_docker() -> None:
    assert not [path for path in tracked(ROOT) if path.startswith(("datasets/", "docker/")) and path.endswith(".py")]


def test_committed_data_are_small() -> None:
    sizes = {path: (ROOT / path).lstat().st_size for path in tracked(ROOT) if (ROOT / path).exists()}
    assert max(sizes.values()) < 3_000_000
    assert sum(sizes.values()) < 8_000_000


def test_every_module_says_its_idea() -> None:
    import ast

    for path in [*ROOT.glob("generator/**/*.py"), *ROOT.glob("server/**/*.py")]:
        assert ast.get_docstring(ast.parse(path.read_text())), path
