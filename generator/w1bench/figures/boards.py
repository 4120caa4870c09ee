"""Figures of results: methods against pairs, cosine against dimension, cosine against seconds."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import log10, nan
from pathlib import Path
from statistics import fmean
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from w1bench.errors import InputError
from w1bench.figures.canvas import blank, ink, need
from w1bench.recipes.families import CONTROLS
from w1bench.scoring.metrics import METRICS
from w1bench.trials import results, tables
from w1bench.trials.results import Row

_LABEL = (0.4, 0.045)  # a label's room: decades of seconds, cosine
_WRITTEN = 240  # cells of a heat map that have room for a figure each


def heat(rows: Sequence[Row], metric: str = "cos") -> Figure:
    """A map of methods against pairs, each cell the mean of a metric over seeds; hatched where there is no figure.

    Raises:
        InputError: there is no such metric, or no row has it.
    """
    if metric not in METRICS:
        raise InputError(f"There is no metric {metric!r}; there are: {', '.join(METRICS)}.")
    found = _means(rows, metric)
    need(list(found), f"no row has the metric {metric}")
    ordered = sorted(rows, key=results.row_order)
    pairs = list(dict.fromkeys(row["pair"] for row in ordered))
    methods = list(dict.fromkeys(row["method"] for row in sorted(rows, key=results.cell_of)))
    values = np.array([[found.get((method, pair), np.nan) for pair in pairs] for method in methods])
    figure = blank(
        2.2 + 0.42 * len(pairs),
        1.9 + 0.27 * len(methods),
        fill(f"{METRICS[metric].name}: {METRICS[metric].meaning}", int(12 * (2.2 + 0.42 * len(pairs)))),
    )
    axes = figure.subplots()
    lowest, highest = (
        (-1, 1) if METRICS[metric].unit == "1" and metric != "l2" else (np.nanmin(values), np.nanmax(values))
    )
    axes.set_facecolor("none")
    axes.patch.set_hatch("////")
    image = axes.imshow(values, cmap="cividis", vmin=lowest, vmax=highest, aspect="auto")
    axes.set_xticks(range(len(pairs)), pairs, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(methods)), methods)
    axes.grid(visible=False)
    if values.size <= _WRITTEN:
        for (i, j), value in np.ndenumerate(values):
            if np.isfinite(value):
                light = (value - lowest) / ((highest - lowest) or 1) > 0.6
                axes.text(
                    j,
                    i,
                    f"{round(value, 2) + 0.0:.2f}".replace("0.", "."),
                    ha="center",
                    va="center",
                    fontsize=6.5,
                    color="black" if light else "white",
                )
    figure.colorbar(image, ax=axes, label=f"{metric} [{METRICS[metric].unit}]")
    return figure


def dimensions(rows: Sequence[Row], methods: Iterable[str] = ()) -> Figure:
    """Cosine against dimension on pairs of uniform targets: solid ours, a mean over their numbers of funnels, hollow the published figures.

    Raises:
        InputError: no row is of such a pair.
    """
    chosen = set(methods)
    found: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        dim = _dimension(row["law"])
        if dim and (interval := results.metrics_of(row).get("cos")) and (not chosen or row["method"] in chosen):
            found[row["method"]][dim].append(interval["value"])
    need(
        list(found),
        "no row is of a pair hd-dD-nN-pP" + (f" and a method among {', '.join(sorted(chosen))}" if chosen else ""),
    )
    published = _published()
    figure = blank(6.6, 4.2, "Cosine with the true gradient, over the dimension")
    axes = figure.subplots()
    dims = sorted({dim for of_method in found.values() for dim in of_method})
    for method in sorted(found, key=lambda name: _place(name)):
        means = [
            fmean(found[method][dim]) if dim in found[method] else nan for dim in dims
        ]  # a gap where there is none
        (line,) = axes.plot(dims, means, label=method)
        if theirs := sorted((dim, fmean(values)) for dim, values in published.get(method, {}).items()):
            axes.plot(
                *zip(*theirs, strict=True),
                color=line.get_color(),
                marker=line.get_marker(),
                linestyle="none",
                markerfacecolor="none",
                markersize=7,
            )
    axes.axhline(0, color="0.5", linewidth=0.8, linestyle="-", marker="")
    axes.set_xscale("log", base=2)
    ticks = sorted({dim for method in found for dim in (*found[method], *published.get(method, ()))})
    axes.set_xticks(ticks, [str(dim) for dim in ticks])
    axes.minorticks_off()
    axes.set_xlabel("dimension D (hollow: published)")
    axes.set_ylabel("cos")
    axes.set_ylim(-1, 1.02)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def cost(rows: Sequence[Row]) -> Figure:
    """Cosine against seconds of training, a point a method: its mean over pairs and seeds.

    Raises:
        InputError: no row has a cosine.
    """
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in rows:
        if interval := results.metrics_of(row).get("cos"):
            found[row["method"]].append((row["seconds"], interval["value"]))
    need(list(found), "no row has a cosine")
    figure = blank(
        5.6, 4.2, f"Cosine against the cost of training, a mean over {len({row['pair'] for row in rows})} pairs"
    )
    axes = figure.subplots()
    means = {method: tuple(map(fmean, zip(*points, strict=True))) for method, points in found.items()}
    labels: list[tuple[float, float]] = []  # where they stand: the next one is put above those that it would lie on
    for method in sorted(means, key=lambda name: means[name][1]):
        seconds, cosine = max(means[method][0], 1e-3), means[method][1]
        axes.plot([seconds], [cosine], linestyle="none", label=method)
        height = cosine
        while any(abs(log10(seconds / x)) < _LABEL[0] and abs(height - y) < _LABEL[1] for x, y in labels):
            height += _LABEL[1] / 4
        labels.append((seconds, height))
        axes.annotate(
            method, (seconds, cosine), (seconds * 1.12, height), fontsize=7, va="center", arrowprops={"arrowstyle": "-", "lw": 0.4, "color": ink()},
        )  # fmt: skip
    axes.set_xscale("log")
    axes.margins(x=0.15)
    axes.set_ylim(top=max(axes.get_ylim()[1], max(height for _, height in labels) + _LABEL[1]))
    axes.set_xlabel("seconds")
    axes.set_ylabel("cos")
    return figure


def _means(rows: Iterable[Row], metric: str) -> dict[tuple[str, str], float]:
    """The mean of a metric over seeds, by method and pair."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in rows:
        is_nothing = metric == "skill" and row.get("family") in CONTROLS  # which every method must solve
        if not is_nothing and (interval := results.metrics_of(row).get(metric)):
            found[row["method"], row["pair"]].append(interval["value"])
    return {cell: fmean(values) for cell, values in found.items()}


def _published() -> dict[str, dict[int, list[float]]]:
    """The published cosines by method and dimension."""
    document: dict[str, Any] = json.loads(Path(tables.__file__).with_name("published.json").read_bytes())
    found: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for pair, methods in document["pairs"].items():
        for method, figures in methods.items():
            if (dim := _dimension(pair)) and "cos" in figures:
                found[method][dim].append(figures["cos"])
    return found


def _dimension(law: str) -> int | None:
    """D of hd-dD-nN-pP; None of another name."""
    parts = law.split("-")
    return int(parts[1][1:]) if parts[0] == "hd" and len(parts) > 1 and parts[1][1:].isdigit() else None


def _place(method: str) -> tuple[int, str]:
    return (results.ORDER.index(method) if method in results.ORDER else len(results.ORDER), method)
