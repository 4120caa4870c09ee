"""The wheel that is installed elsewhere: both packages, the recipes, the pages, nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from support.files import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_carries_recipes_and_pages(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    carried = {
        f"w1bench/{place}/{path.relative_to(ROOT / 'datasets' / folder)}"
        for folder, place, ending in (
            ("recipes", "recipes/catalogued", "toml"),
            ("generators", "sources/generators/weights", "safetensors"),
        )
        for path in (ROOT / "datasets" / folder).rglob(f"*.{ending}")
    }
    assert len(carried) > 40
    assert carried <= names
    assert {"w1bench/cli/main.py", "w1bench/trials/published.json", "w1bench_server/web/app.py"} <= names
    assert {f"w1bench/site/templates/{name}" for name in ("home.html", "pair.html", "badge.svg")} <= names
    assert {
        f"w1bench/site/static/{name}" for name in ("style.css", "page.js", "vendor/plot.js", "vendor/LICENSE-plot")
    } <= names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"w1bench", "w1bench_server"}


def test_the_wheel_runs_from_elsewhere(wheel: Path, tmp_path: Path) -> None:
    """Imported from the wheel's own files, with only the dependencies of this environment."""
    zipfile.ZipFile(wheel).extractall(tmp_path)
    program = "import w1bench, w1bench.recipes.files as r; print(w1bench.__file__, r.find_recipe('hd-d2-n4-p8').name)"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(tmp_path / "w1bench" / "__init__.py"), "hd-d2-n4-p8"]
