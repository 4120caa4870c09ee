"""Maps: ray consistency, what is left to transport, and the chain of Trust the Critics, of maps that are right and wrong in known ways."""

from __future__ import annotations

import numpy as np
from report import parse, publish, table
from scipy.spatial.distance import cdist

from w1bench.arrays import F64
from w1bench.diagnostics.batch import exact_plan
from w1bench.diagnostics.maps import chain, map_figures
from w1bench.recipes.files import find_recipe
from w1bench.transport.from_recipe import make_pair
from w1bench.transport.pair import Pair

PAIRS = ("hd-d2-n4-p8", "hd-d16-n64-p8", "hd-d128-n256-p8", "smooth-d16", "product-d16")
_FIGURES = """\
Of 1,024 inputs x: the mean and 5 % quantile of (f*(x) - f*(T x)) / ||T x - x||, 1 on the rays, and exact transport between T x and as many independent targets; without a map (T x = x) it
is in the column before. The plan of a batch (exact assignment to as many independent targets) is a map that any minibatch method would find."""
_CHAIN = """\
Trust the Critics on a sphere of radius 3 in 16 dimensions and its centre, with exact critics: the distance that is left after each step x <- x - theta W1 grad u."""


def main() -> None:
    run = parse("maps", __doc__)
    rows: list[tuple[object, ...]] = []
    for name in PAIRS[:2] if run.quick else PAIRS:
        rows += _of_pair(name, 256 if run.quick else 1024)
        print(rows[-1], flush=True)
    sphere = np.random.default_rng(0).standard_normal((2000, 16))
    sphere *= 3 / np.linalg.norm(sphere, axis=1, keepdims=True)
    left = {
        theta: [f"{np.linalg.norm(x, axis=1).mean():.2g}" for x in chain(sphere, _critic, theta=theta, steps=5)]
        for theta in (1.0, 0.5, 0.1)
    }
    header = ("pair", "map", "consistency", "5 %", "left", "before")
    steps = table(("theta", *map(str, range(6))), [(theta, *values) for theta, values in left.items()])
    publish(run, "Maps", [_FIGURES, table(header, rows), _CHAIN, steps], packages=("w1bench", "numpy", "scipy"))


def _critic(x: F64) -> tuple[float, F64]:
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return float(length.mean()), x / np.maximum(length, 1e-300)


def _of_pair(name: str, count: int) -> list[tuple[object, ...]]:
    pair = make_pair(find_recipe(name))
    y, x, other = (np.concatenate(parts)[:count] for parts in zip(*_tiles(pair, count), strict=True))
    u = pair.map.potential

    def f(points: F64) -> F64:
        return -u.value(points)

    batch = other[exact_plan(x, other)[1]]
    nearest = other[cdist(x, other).argmin(axis=1)]
    step = x + np.linalg.norm(y - x, axis=1).mean() * (y - x) / np.linalg.norm(y - x, axis=1, keepdims=True)
    fresh = np.concatenate([tile[2] for tile in _tiles(pair, count, "fresh")])[:count]
    maps = {
        "true partners": y,
        "one step of W1 along the true gradient": step,
        "plan of the batch": batch,
        "nearest target": nearest,
    }
    rows = [(name, word, tx) for word, tx in maps.items()]
    found = [(pair_name, word, map_figures(x, tx, f, fresh)) for pair_name, word, tx in rows]
    return [
        (n, w, f"{m.consistency:.3f}", f"{m.consistency_5:.3f}", f"{m.left:.3f}", f"{m.before:.3f}")
        for n, w, m in found
    ]


def _tiles(pair: Pair, count: int, purpose: str = "input") -> list[tuple[F64, F64, F64]]:
    found: list[tuple[F64, F64, F64]] = []
    for tile in range(-(-count // pair.rows)):
        y = pair.targets(purpose, tile)
        x = np.empty_like(y)
        pair.move(purpose, tile, y, moved=x)
        found.append((y, x, pair.targets(f"{purpose}.other", tile)))
    return found


if __name__ == "__main__":
    main()
