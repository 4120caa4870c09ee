"""How soon pages answer and how much they weigh: a service of 40 pairs with 1,000 rows, and with 10,000.

PYTHONPATH=tests python tests/benchmarks/pages.py

The pairs are one small pair under 40 names and families; rows are written into the ledger as a server would, from one scorecard with other figures.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from starlette.testclient import TestClient

from benchmarks.report import parse, publish, table
from support.recipes import RECIPES
from w1bench.archive.folder import read_manifest
from w1bench.archive.manifest import Manifest
from w1bench.builder.build import build
from w1bench.scoring.metrics import METRIC_VERSION, METRICS
from w1bench.scoring.scorecard import RESAMPLES, Diagnosis, Interval, Scorecard
from w1bench_server.database import connection as database
from w1bench_server.ledger import ledger
from w1bench_server.ledger.records import Entry
from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app

PAIRS, REPEATS = 40, 21
PAGES = {
    "home": "/", "board": "/board", "board, 2-dimensional pairs": "/board?dim=2", "board, a search": "/board?q=method+7", "board, by dev": "/board?sort=dev",
    "map": "/board?view=map", "every row": "/board?view=rows", "every row, page 3": "/board?view=rows&page=3", "every row, a search by l2": "/board?view=rows&q=method+7&sort=l2",
    "pair": "/pairs/pair-07", "all pairs": "/pairs",
}  # fmt: skip
SIZED = ("home", "board", "pair")


def main() -> None:
    run = parse("pages", __doc__)
    few, many = (100, 1_000) if run.quick else (1_000, 10_000)
    times: dict[int, dict[str, float]] = {}
    weights: dict[str, dict[str, int]] = {}
    for rows in (few, many):
        with TemporaryDirectory() as folder, filled(Path(folder), rows) as client:
            times[rows] = {name: timed(client, path) for name, path in PAGES.items()}
            weights = weights or {name: weighed(client, PAGES[name]) for name in SIZED}
    waits = [(f"{name} (`{PAGES[name]}`)", f"{times[few][name]:.0f}", f"{times[many][name]:.0f}") for name in PAGES]
    sizes = [
        (
            name,
            *(f"{parts[part] / 1000:.0f}" for part in ("html", "assets", "picture")),
            f"{sum(parts.values()) / 1000:.0f}",
        )
        for name, parts in weights.items()
    ]
    publish(
        run, "Pages",
        [
            f"A service of {PAIRS} pairs, asked within its own process; a row is a method on a pair. Medians of {REPEATS} requests, in milliseconds, after one that reads the ledger.",
            table(("page", f"{few:,} rows", f"{many:,} rows"), waits),
            f"What a first visit loads at {few:,} rows, in kB, as it is sent (nothing is compressed); later pages of a visit load their HTML alone:",
            table(("page", "HTML", "style, scripts, icon", "the pair's picture", "in all"), sizes),
        ],
        packages=("w1bench", "jinja2", "fastapi"),
    )  # fmt: skip


@contextmanager
def filled(folder: Path, rows: int) -> Iterator[TestClient]:
    """A service of `PAIRS` pairs with so many rows, which has answered once."""
    settings = Settings(
        archive=folder / "archive",
        data=folder / "data",
        min_free_bytes=0,
        own_worker="none",
        requests_per_minute=10**9,
        references=folder / "none",
    )
    settings.data.mkdir(parents=True)
    pairs = [
        copied(settings.archive, original, f"pair-{number:02}")
        for number in range(PAIRS)
        for original in [originals(folder)[number % 2]]
    ]
    with database.opened(settings) as engine:
        draw = random.Random(0)
        # The same of every row, for only their size matters; without any, rows would be scored again.
        kept = np.random.default_rng(0).normal(size=(len(METRICS), RESAMPLES)).astype("<f8").tobytes()
        with database.writing(engine) as connection:
            digest = ledger._keep(connection, kept)
            for number in range(rows):
                row = entry(pairs[number % PAIRS], f"method {number // PAIRS}", number, draw)
                ledger._append(connection, replace(row, resamples=digest))
    with TestClient(create_app(settings)) as client:
        client.get("/board").raise_for_status()
        yield client


_built: dict[Path, list[Path]] = {}


def originals(folder: Path) -> list[Path]:
    """Two small pairs, of 2 and of 16 dimensions."""
    if folder not in _built:
        wanted = [recipe for recipe in RECIPES if recipe.name in ("small-d2-n4-p8", "small-d16-n64-p8")]
        _built[folder] = [build(recipe, folder / "built") for recipe in wanted]
    return _built[folder]


def copied(archive: Path, original: Path, name: str) -> Manifest:
    """A pair under another name, whose data files are links."""
    folder = archive / name
    folder.mkdir(parents=True)
    for path in original.iterdir():
        (folder / path.name).hardlink_to(path)
    manifest = json.loads((original / "manifest.json").read_text())
    (folder / "manifest.json").unlink()
    (folder / "manifest.json").write_text(
        json.dumps(manifest | {"name": name, "recipe": manifest["recipe"] | {"name": name}})
    )
    return read_manifest(folder)


def entry(manifest: Manifest, method: str, number: int, draw: random.Random) -> Entry:
    """A row with figures of its own."""
    figures: dict[str, Any] = {}
    for name in METRICS:
        value = draw.random() if METRICS[name].better == "higher" else 20 * draw.random()
        figures[name] = Interval(value=value, low=value - 0.004, high=value + 0.004)
    card = Scorecard(
        pair=manifest.name, pair_version=1, pair_digest=manifest.digest(), metric_version=METRIC_VERSION, points=1500, w1=manifest.w1, w1_stderr=0.001,
        metrics=figures, missing={}, trivial={"radial": 0.3, "shift": 0.1},
        diagnosis=Diagnosis(
            gradient_norm_mean=1, gradient_norm_std=0.1, gradient_norm_quantiles={"0.5": 1}, zero_gradients=0, l2_direction=0.2, l2_magnitude=0.1, best_scale=1,
            best_scale_l2=0.2, slope_at_least=None,
        ),
    )  # fmt: skip
    row = Entry(
        id=f"{number:032x}", pair=manifest.name, pair_digest=manifest.digest(), method=method, user=f"user{number // PAIRS % 12}", sha256=f"{number:064x}", bytes=1,
        submitted_at="2030-01-01T00:00:00.000+00:00", scorer="0", scorecard=card.model_dump_json(),
    )  # fmt: skip
    return replace(row, metadata={"seconds": 100 * draw.random() + 1, "trains": number % 3 > 0, "steps": 1000})


def timed(client: TestClient, path: str) -> float:
    """The median time of a page, in milliseconds."""
    found: list[float] = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        client.get(path).raise_for_status()
        found.append(1000 * (time.perf_counter() - begin))
    return median(found)


def weighed(client: TestClient, path: str) -> dict[str, int]:
    """The bytes of a page, of what it needs besides, and of its picture."""
    page = client.get(path)
    needed = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text))
    pictures = set(re.findall(r'<img[^>]* src="([^"]+)"', page.text))
    sizes = {part: len(client.get(part).raise_for_status().content) for part in needed | pictures}
    return {
        "html": len(page.content),
        "assets": sum(sizes[part] for part in needed),
        "picture": sum(sizes[part] for part in pictures),
    }


if __name__ == "__main__":
    main()
