"""Draws docs/gallery: `make gallery` builds each pair small, trains two critics, and takes some minutes of one processor."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure
from picture import small

import w1bench
from w1bench.builder.build import build
from w1bench.client.diagnosis import diagnosis_of
from w1bench.client.stored_pair import StoredPair
from w1bench.figures import boards, canvas, curves, plane
from w1bench.figures.critics import read_critic
from w1bench.figures.pictures import pictures
from w1bench.recipes.files import find_recipe
from w1bench.trials import results
from w1bench.trials.solve import solve

ROOT = Path(__file__).parents[2]
GALLERY, RESULTS = ROOT / "docs" / "gallery", ROOT / "datasets" / "results"
PLANE = "hd-d2-n4-p8"
RAYS = (PLANE, "hd-d2-n16-p8", "ball-d2-p8", "smooth-d2")
PICTURES = (
    "digits8-n4-p10",
    "blur8-digits",
    "photos32-n16-p100",
    "blur32-photos",
    "contrast32-photos",
    "grey32-photos",
    "late32-photos-e10",
)
AXES = ("product-d4", "spiked-d16-k2", "late-d16-n64-e10", "shift-d128")  # whose preview is all there is to see
CRITICS = {"lp": 800, "wc": 800}
_SIZES = {"train": 4000, "test": 3000, "probe": 2000, "w1_rays": 1 << 15}
_OF_PICTURES = {"train": 200, "test": 100, "probe": 20, "w1_rays": 1 << 12}


def main() -> None:
    """Draw every picture, or those that are named."""
    wanted = set(sys.argv[1:])
    with tempfile.TemporaryDirectory() as scratch, canvas.themed("light"):
        archive = Path(scratch)

        def pair(name: str) -> StoredPair:
            sizes = _OF_PICTURES if name in PICTURES else _SIZES
            folder = archive / name
            return w1bench.load(folder if folder.exists() else build(find_recipe(name).with_sizes(**sizes), archive))

        def critics() -> list[Path]:
            opened, found = pair(PLANE), [archive / f"{method}.h5" for method in CRITICS]
            for path, (method, steps) in zip(found, CRITICS.items(), strict=True):
                if not path.exists():
                    solve(method, opened, path, steps=steps)
            return found

        draws: dict[str, Callable[[], Figure]] = {
            "surfaces": lambda: plane.surfaces(pair(PLANE), [read_critic(pair(PLANE), path) for path in critics()]),
            "congestion": lambda: plane.congestion(pair(PLANE), read_critic(pair(PLANE), critics()[0]), 10),
            "learning": lambda: curves.learning(
                [curves.read_training(path.with_suffix(".json")) for path in critics()]
            ),
            "bias": lambda: curves.bias(diagnosis_of(pair("hd-d16-n64-p8"))),
            "heat": lambda: boards.heat(results.read(RESULTS / "core.json"), "skill"),
            "dimensions": lambda: boards.dimensions(
                results.read(RESULTS / "published.json"), ("WC", "LP", "SO", "MM:B", "DOT")
            ),
            "curves": lambda: curves.scores(
                [row for row in results.read(RESULTS / "published.json") if row["law"] in results.published_figures()],
                "cos",
                "steps",
            ),
            "families": lambda: curves.scores(results.read(RESULTS / "core.json"), "cos", "steps"),
            "seconds": lambda: curves.scores(results.read(RESULTS / "core.json"), "skill", "seconds"),
            "cost": lambda: boards.cost(results.read(RESULTS / "core.json")),
        }
        draws |= {name: lambda name=name: plane.rays(pair(name)) for name in RAYS}
        draws |= {name: lambda name=name: pictures(pair(name), 6) for name in PICTURES}
        for name, draw in draws.items():
            if not wanted or name in wanted:
                canvas.save(draw(), GALLERY / f"{name}.png")
                small(GALLERY / f"{name}.png")
        for name in AXES:
            if not wanted or name in wanted:
                (GALLERY / f"{name}.png").write_bytes((pair(name).folder / "preview.png").read_bytes())
                small(GALLERY / f"{name}.png")


if __name__ == "__main__":
    main()
