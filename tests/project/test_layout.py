"""The layout and the direction of imports are what the documents say."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from support.files import ROOT, tracked

TOP = {
    "pyproject.toml", "README.md", "Makefile", "generator", "server", "datasets", "tests", "docker", "docs", "LICENSE",
    "CHANGELOG.md", "CITATION.cff", "constraints.txt", ".ci", ".github", ".gitignore",
}  # fmt: skip
PACKAGES = (ROOT / "generator" / "w1bench", ROOT / "server" / "w1bench_server")
MOST_MODULES, MOST_LINES = 9, 300
OF_EQUALS = {"solvers/methods": "one file a paper", "migrations/versions": "one file a revision"}
WITH_CODE = {"w1bench": "names on first use", "w1bench/solvers": "the registry"}
VERBAL_NOUNS = {
    "scoring": "the act of judging a submission; `score.py` is its one function",
    "rescoring": "the same, done again by a newer metric version",
    "training": "what machine learning calls it",
    "ranking": "what a board is: an order with shared places",
}
SUFFIXES = ("s", "es", "d", "ed", "er", "r", "ing", "or", "ion", "ation", "al", "y")


def folders() -> list[Path]:
    """Every package of the two, the roots first."""
    return [path.parent for package in PACKAGES for path in sorted(package.rglob("__init__.py"))]


def modules(folder: Path) -> list[str]:
    """The names of a folder's modules and packages."""
    packages = [path.name for path in folder.iterdir() if (path / "__init__.py").exists()]
    return sorted([path.stem for path in folder.glob("*.py") if not path.stem.startswith("__")] + packages)


def test_a_folder_has_no_more_modules_than_one_takes_in() -> None:
    for folder in folders():
        if not folder.as_posix().endswith(tuple(OF_EQUALS)):
            count = len([path for path in folder.glob("*.py") if path.name != "__init__.py"])
            assert count <= MOST_MODULES, folder


def test_a_file_is_short() -> None:
    lines = {
        path: path.read_text(encoding="utf-8").count("\n") for package in PACKAGES for path in package.rglob("*.py")
    }
    longest = max(lines, key=lines.__getitem__)
    assert lines[longest] < MOST_LINES, longest


def test_a_folder_says_in_one_sentence_what_it_is_and_imports_nothing() -> None:
    for folder in folders():
        tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
        sentence, *more = (ast.get_docstring(tree) or "").split("\n", 1)
        assert sentence.endswith("."), folder
        assert len(sentence.split()) > 3, folder
        if not folder.as_posix().endswith(tuple(WITH_CODE)):
            assert (len(tree.body), more) == (1, []), folder


@pytest.mark.parametrize("folder", folders(), ids=lambda folder: str(folder.relative_to(ROOT)))
def test_names_are_nouns_and_neighbours_are_told_apart(folder: Path) -> None:
    names = modules(folder)
    for name in names:
        last = name.split("_")[-1]
        assert name in VERBAL_NOUNS or not last.endswith(("ing", "ed")), name
    stems = {name: {name.removesuffix(suffix) for suffix in ("", *SUFFIXES)} for name in names}
    alike = [(a, b) for a in names for b in names if a < b and stems[a] & stems[b]]
    assert alike == [] or folder.as_posix().endswith(tuple(OF_EQUALS))


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
    written = (".py", ".md", ".toml", ".html", ".css", ".yml", ".yaml")
    assert sum(size for path, size in sizes.items() if not path.endswith(written)) < 6_500_000


def test_every_module_says_its_idea() -> None:
    for path in [*ROOT.glob("generator/**/*.py"), *ROOT.glob("server/**/*.py")]:
        assert ast.get_docstring(ast.parse(path.read_text())), path


PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```\n(.*?)```", PAGE, re.DOTALL)


def tree_of(block: str) -> dict[str, str]:
    """The folders that a block of the page lists, by their dotted names, with what it says of each."""
    tree: dict[str, str] = {}
    above: list[str] = []
    for line in block.splitlines():
        name, sentence = re.fullmatch(r" *(\S+) +(.*)", line).groups()  # pyright: ignore[reportOptionalMemberAccess]
        above[(len(line) - len(line.lstrip())) // 2 :] = [name]
        tree[".".join(above)] = sentence
    return tree


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_the_page_of_the_architecture_lists_the_folders_in_their_own_words(package: Path) -> None:
    listed = tree_of(next(block for block in BLOCKS if block.startswith(f"{package.name} ")))
    data = {name for name, sentence in listed.items() if sentence.startswith("(data)")}
    assert all((package.parent / name.replace(".", "/")).is_dir() for name in data)
    said = {
        ".".join(folder.relative_to(package.parent).parts): ast.get_docstring(
            ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
        )
        for folder in folders()
        if folder.is_relative_to(package)
    }
    assert {name: sentence for name, sentence in listed.items() if name not in data} == {
        name: (sentence or "").splitlines()[0] for name, sentence in said.items()
    }


def test_the_drawing_of_the_layers_is_the_contracts() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    library, service = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    drawing = next(block for block in BLOCKS if block.lstrip().startswith("w1bench   ") and "w1bench_server\n" in block)
    column = drawing.index("w1bench_server")
    drawn = [(line[:column].strip(), line[column:].strip()) for line in drawing.splitlines()[1:]]

    def plain(layers: list[str]) -> list[str]:
        return [re.sub(r"w1bench(_server)?\.", "", layer) for layer in layers]

    assert [left.replace("(the service)", "w1bench_server") for left, _ in drawn if left] == plain(library)
    assert [right for _, right in drawn if right] == plain(service)


def test_the_functions_that_the_page_names_are_there() -> None:
    names = re.findall(r"`(w1bench(?:_server)?(?:\.\w+)+)`", PAGE)
    assert len(names) > 20
    for name in names:
        assert resolved(name), name


def resolved(name: str) -> object:
    """What a dotted name stands for: a module, or something in one."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            value: object = import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            value = getattr(value, part)
        return value
    raise AssertionError(name)


def test_what_tests_and_their_commands_import_is_there() -> None:
    """Also of commands that no test runs: benchmarks, load, attacks."""
    missing = [
        f"{path.relative_to(ROOT)}: {node.module}.{alias.name}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("w1bench")
        for alias in node.names
        if not hasattr(module := import_module(str(node.module)), alias.name)
        and not (hasattr(module, "__path__") and find_spec(f"{node.module}.{alias.name}"))
    ]
    assert missing == []
