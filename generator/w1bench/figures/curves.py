"""Curves: a method's own value while it trains, and what batches of a pair make of W1."""

from __future__ import annotations

import itertools
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log2
from pathlib import Path
from statistics import fmean
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from w1bench.diagnostics.record import PairDiagnosis
from w1bench.errors import InputError
from w1bench.figures.canvas import blank, ink, need
from w1bench.trials import results
from w1bench.trials.results import Row

_LEAST_SKILL = -1.5  # far below the trivial critics, how far does not matter


@dataclass(frozen=True)
class Training:
    """A training's own dual values (step, value), from its sidecar."""

    method: str
    pair: str
    w1: float | None
    values: tuple[tuple[int, float], ...]


def read_training(path: Path) -> Training:
    """The training that a sidecar of `w1bench solve` is about; raises an InputError where it is none."""
    try:
        document = json.loads(path.read_bytes())
        values = tuple((int(step), float(value)) for step, value in document["dual_values"] if value is not None)
        return Training(str(document["method"]), str(document["pair"]), document.get("w1"), values)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); give a .json that `w1bench solve` wrote."
        ) from None
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path} has no dual values; give a .json that `w1bench solve` wrote.") from None


def learning(trainings: Sequence[Training]) -> Figure:
    """The dual value of each training over its steps, against the true W1 where all are on one pair."""
    need(trainings, "no training was given")
    pairs = sorted({training.pair for training in trainings})
    figure = blank(6, 3.8, f"Own dual value over training: {', '.join(pairs)}")
    axes = figure.subplots()
    for training in trainings:
        need(training.values, f"{training.method} on {training.pair} has no finite dual value")
        label = training.method if len(pairs) == 1 else f"{training.method}, {training.pair}"
        axes.plot(*zip(*training.values, strict=True), label=label, markevery=max(1, len(training.values) // 8))
    if len(pairs) == 1 and trainings[0].w1 is not None:
        _level(axes, trainings[0].w1)
    axes.set_xlabel("steps")
    axes.set_ylabel("dual value")
    axes.legend()
    return figure


def scores(rows: Sequence[Row], metric: str, over: str) -> Figure:
    """A metric over the `steps` or `seconds` of training, a line a method: means over seeds and pairs, a panel a family, or a dimension of one family.

    Raises:
        InputError: no row has a curve with the metric.
    """
    panels: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    with_curve = [
        row for row in rows if any(point["metrics"].get(metric) is not None for point in row.get("curve", ()))
    ]
    told = sorted(
        {name for row in rows for point in row.get("curve", ()) for name, value in point["metrics"].items() if value is not None}
    )  # fmt: skip
    need(with_curve, f"no row has a curve of {metric}; their curves are of {', '.join(told) or 'nothing'}")
    by_family = len({row["family"] for row in with_curve}) > 1
    for row in sorted(with_curve, key=results.row_order):
        panels[row["family"] if by_family else _size(row["pair"])][row["method"]].append(row)
    down = -(-len(panels) // 4)
    across = -(-len(panels) // down)
    figure = blank(0.8 + 2.6 * across, 0.9 + 2.4 * down, f"{metric} over {over} of training")
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    styles = _styles(with_curve)
    for axes, (name, methods) in zip(grid.flat, panels.items(), strict=False):
        for method, of_method in methods.items():
            points, style = _mean_curve(of_method, metric, over), styles[method]
            if len(points) > 1:
                axes.plot(*zip(*points, strict=True), label=method, markersize=3, linewidth=1, **style)
            else:  # of what does not train: a level
                axes.axhline(points[0][1], label=method, markersize=3, linewidth=0.8, **style)
        axes.set_title(name, fontsize=8)
        axes.set_xscale("log")
        axes.set_yscale("log" if metric == "l2" else "linear")
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_axis_off()
    figure.supxlabel(over, fontsize=8)
    figure.supylabel(_lifted(grid[0, 0]) if metric == "skill" else metric, fontsize=8)
    handles = {label: line for axes in grid.flat for line, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    named = [method for method in styles if method in handles]
    figure.legend([handles[name] for name in named], named, loc="outside right center")
    return figure


def bias(found: PairDiagnosis) -> Figure:
    """Exact transport between batches of P and Q and of P and P, and the c-transform of the truth, over the batch's size."""
    need(found.curve, f"{found.pair} has too few test points for a batch")
    figure = blank(6, 3.8, f"{found.pair}: what a batch makes of W1")
    axes = figure.subplots()
    curves: Iterable[tuple[str, str]] = (
        ("emd", "EMD($P_n, Q_n$)"), ("c_transform", "c-transform of f*"), ("same", "EMD($P_n, P'_n$)"),
    )  # fmt: skip
    for name, label in curves:
        of_sizes = [(of.size, getattr(of, name)) for of in found.curve]
        axes.errorbar(
            [size for size, _ in of_sizes], [mean.value for _, mean in of_sizes], yerr=[mean.stderr for _, mean in of_sizes], label=label, capsize=2,
        )  # fmt: skip
    _level(axes, found.w1)
    axes.set_xscale("log", base=2)
    axes.set_xticks([of.size for of in found.curve], [f"{of.size:,}" for of in found.curve])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("points in a batch")
    axes.set_ylabel("distance")
    axes.legend()
    return figure


def _mean_curve(rows: Sequence[Row], metric: str, over: str) -> list[tuple[float, float]]:
    """The mean over rows of a method, at the same shares of their steps, of those that have a point there."""
    points: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for row in rows:
        for point in row["curve"]:
            if point["metrics"].get(metric) is not None:
                halvings = round(log2(row["steps"] / point["steps"]))
                points[-halvings].append((max(point[over], 1e-3), point["metrics"][metric]))
    return [(fmean(x for x, _ in of_share), fmean(y for _, y in of_share)) for _, of_share in sorted(points.items())]


def _lifted(axes: Axes) -> str:
    """The label of an axis of skill, which begins where skill tells methods apart."""
    if axes.get_ylim()[0] >= _LEAST_SKILL:
        return "skill"
    axes.set_ylim(_LEAST_SKILL, min(axes.get_ylim()[1], 1.05))
    return f"skill (not drawn below {_LEAST_SKILL:g})"


def _styles(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Of each method, in the order of the tables, first what trains: what does not is dotted, and alone so."""
    methods = dict.fromkeys(row["method"] for row in sorted(rows, key=results.cell_of))
    trained = {row["method"] for row in rows if len(row["curve"]) > 1}
    solid, dotted = (
        [style for style in mpl.rcParams["axes.prop_cycle"] if (style["linestyle"] == ":") is is_dotted]
        for is_dotted in (False, True)
    )
    return {
        name: style
        for part, styles in ((trained, solid), (methods.keys() - trained, dotted))
        for name, style in zip([name for name in methods if name in part], itertools.cycle(styles), strict=False)
    }


def _size(pair: str) -> str:
    """D = 16 of hd-d16-n64-p8; else the name."""
    found = re.match(r"[a-z]+-d(\d+)-", pair)
    return f"D = {found[1]}" if found else pair


def _level(axes: Axes, w1: float) -> None:
    axes.axhline(w1, color=ink(), linewidth=1, linestyle=(0, (1, 1)), marker="", label=f"W1 = {w1:.4g}")
