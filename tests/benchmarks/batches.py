"""Batches: what exact transport and the batch c-transform say of catalogued pairs, and what is cheaper to a batch than real data."""

from __future__ import annotations

import numpy as np
from report import parse, publish, table

from w1bench.arrays import F64
from w1bench.diagnostics.batch import bias_curve, false_minima, oracle
from w1bench.recipes.files import find_recipe
from w1bench.transport.from_recipe import make_pair

PAIRS = ("hd-d2-n4-p8", "hd-d16-n64-p8", "hd-d128-n256-p8", "smooth-d16", "shift-d128", "blur8-digits")
SIZES = (64, 256, 1024)
_CURVES = """\
Means over batches of n independent draws (of 2,048 together), exact assignments: of P and Q, of P and P again (whose W1 is 0), and inside the batch the c-transform of the true potential
and of f = 0. The cosine is that of the exact plan's directions with the true gradient. The paired sample, x and the y that it was moved from, has no bias at any n."""
_MINIMA = """\
What a batch of 64 targets costs to another one, to copies of the mean, and to 8 k-means and k-medians centres as often as draws are near them: a ratio
above 1 says that copies of the mean beat real data."""


def main() -> None:
    run = parse("batches", __doc__)
    curves: list[tuple[object, ...]] = []
    minima: list[tuple[object, ...]] = []
    for name in PAIRS[:2] if run.quick else PAIRS:
        of = _draws(name, 2048)
        way = np.linalg.norm(of["input"] - of["partner"], axis=1).mean()
        sizes = SIZES[:2] if run.quick else SIZES
        for found in bias_curve(of["input"], of["target"], of["other"], of["potential"], sizes=sizes):
            cosine = oracle(of["input"], of["target"], of["gradient"], found.size).cosine.value
            curves.append(
                (
                    name,
                    f"{found.size:,}",
                    f"{way:.3f}",
                    *(f"{mean.value:.3f}" for mean in (found.emd, found.same, found.c_transform, found.zero)),
                    f"{cosine:.3f}",
                )
            )
        of_it = false_minima(of["target"], 64)
        minima.append(
            (
                name,
                *(f"{mean.value:.3f}" for mean in (of_it.real, of_it.mean, of_it.k_means, of_it.k_medians)),
                f"{of_it.ratio:.2f}",
            )
        )
        print(curves[-1], minima[-1], flush=True)
    header = (
        "pair",
        "n",
        "paired (W1)",
        "EMD(P_n, Q_n)",
        "EMD(P_n, P'_n)",
        "c-transform of f*",
        "of 0",
        "oracle's cos",
    )
    sections = [
        _CURVES,
        table(header, curves),
        _MINIMA,
        table(("pair", "real", "mean", "k-means", "k-medians", "ratio"), minima),
    ]
    publish(run, "Batches", sections, packages=("w1bench", "numpy", "scipy"))


def _draws(name: str, count: int) -> dict[str, F64]:
    pair = make_pair(find_recipe(name))
    parts: dict[str, list[F64]] = {key: [] for key in ("input", "partner", "gradient", "potential", "target", "other")}
    for tile in range(-(-count // pair.rows)):
        target = np.asarray(pair.targets("input", tile), np.float64)
        moved, gradient, potential, other = (
            np.empty_like(target),
            np.empty_like(target),
            np.empty(len(target)),
            np.empty_like(target),
        )
        pair.move("input", tile, target, moved=moved, gradient=gradient, potential=potential)
        pair.move("other", tile, np.asarray(pair.targets("other", tile), np.float64), moved=other)
        found = (moved, target, gradient, potential, np.asarray(pair.targets("target", tile), np.float64), other)
        for key, rows in zip(parts, found, strict=True):
            parts[key].append(rows)
    return {key: np.concatenate(rows)[:count] for key, rows in parts.items()}


if __name__ == "__main__":
    main()
