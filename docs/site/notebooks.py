"""Runs the notebooks of docs/notebooks against a small archive: `make notebooks` writes what they print and draw into them."""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from PIL import Image

from w1bench.builder.build import build
from w1bench.recipes.files import find_recipe

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
PAIR = "hd-d2-n4-p8"


def archive(folder: Path) -> Path:
    """An archive with the notebooks' pair, small."""
    build(find_recipe(PAIR).with_sizes(train=4000, test=2000, probe=200, w1_rays=1 << 16), folder)
    return folder


def run(path: Path, archive: Path) -> dict[str, Any]:
    """A notebook as it is after all of its cells ran, in this environment; a CellExecutionError where one fails."""
    notebook = nbformat.read(path, as_version=4)
    os.environ |= {"W1BENCH_ARCHIVE": str(archive), "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(archive)}}).execute()
    return json.loads(nbformat.writes(notebook))


def plain(document: dict[str, Any]) -> str:
    """A notebook's text without the machine that it ran on."""
    for cell in document["cells"]:
        cell["metadata"] = {}
        for output in cell.get("outputs", ()):
            output.pop("metadata", None)
            if output["output_type"] in ("execute_result", "display_data"):
                output["metadata"] = {}
                pictures = {kind: small(data) for kind, data in output["data"].items() if kind == "image/png"}
                output["data"] = pictures or {"text/plain": output["data"]["text/plain"]}
    document["metadata"] = {"kernelspec": document["metadata"]["kernelspec"], "language_info": {"name": "python"}}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def small(picture: str) -> str:
    """A PNG, in base64, in 64 colours and at most 700 pixels wide."""
    image = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
    image.thumbnail((700, 700), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.quantize(64).save(out, "png", optimize=True)
    return base64.b64encode(out.getvalue()).decode()


def main() -> None:
    """Run all of them, or those that are named, and write them back; with --dry-run, only run them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[path.stem for path in NOTEBOOKS])
    parser.add_argument("--dry-run", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = archive(Path(scratch))
        for path in (path for path in NOTEBOOKS if path.stem in given.names):
            document = run(path, place)
            if not given.dry_run:
                path.write_text(plain(document), encoding="utf-8")
            print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    main()
