"""Claims about training: batches in many dimensions, more steps, other seeds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean, median

import numpy as np
from matplotlib.figure import Figure

from w1bench.figures.canvas import blank, ink
from w1bench.trials.comparison.cells import Cell
from w1bench.trials.results import ORDER

from .claim import Claim, Drawn, Judgement, by_family, full_steps, listed, number, percent, shown, signed

POINTWISE = ("DOT", "MM:B", "LS")  # methods that compare batches point by point
BESIDE = ("LP", "KR")
FALLS = "WC"
LOST, TWICE = 3 / 4, 2.0
PART = 1 / 10  # of a method's steps: what is shorter says how it begins
_DIMENSIONS = 3  # of a family, so that it has a trend
_LOOKS = ("1/64", "1/16", "1/4", "1")


def judge_batches(critics: Sequence[Cell]) -> Judgement:
    """Cosines over the dimension, in families that have pairs of several."""
    several = {name for name, part in by_family(critics).items() if len({cell.dimension for cell in part} - {None}) >= _DIMENSIONS}  # fmt: skip
    judged = [
        cell for cell in critics if cell.family in several and cell.dimension and cell.method in POINTWISE + BESIDE
    ]
    found: dict[str, dict[int, float]] = {}
    for method in POINTWISE + BESIDE:
        of_method = [cell for cell in judged if cell.method == method]
        found[method] = {
            dim: fmean(cell.cos for cell in of_method if cell.dimension == dim)
            for dim in sorted({cell.dimension for cell in of_method if cell.dimension})
        }
    if any(len(found[method]) < _DIMENSIONS for method in POINTWISE):
        return Judgement(None, judged)
    dims = sorted({dim for cosines in found.values() for dim in cosines})
    first = {method: next((f"{dim}" for dim in dims if cosines.get(dim, 0) < 0), "-") for method, cosines in found.items()}  # fmt: skip
    table = [["method", *(f"D = {dim}" for dim in dims), "first below 0 at D ="]]
    table += [
        [method, *(shown(cosines[dim]) if dim in cosines else "-" for dim in dims), first[method]]
        for method, cosines in found.items()
        if cosines
    ]
    ends = {method: (cosines[min(cosines)], cosines[max(cosines)]) for method, cosines in found.items() if cosines}
    words = (
        f"From D = {dims[0]} to D = {dims[-1]} the mean cosine goes {listed([f'from {shown(start)} to {shown(end)} for {method}' for method, (start, end) in ends.items() if method in POINTWISE])}. "
        f"It is first below 0 {listed([f'at D = {first[method]} for {method}' for method in POINTWISE if first[method] != '-']) or 'nowhere'}."
    )
    if beside := {method: min(found[method].values()) for method in BESIDE if found[method]}:
        words += f" {listed([f'{method} stays at {shown(least)} or more' for method, least in beside.items()])}."
    holds = all(ends[method][0] > 0 > ends[method][1] for method in POINTWISE)
    return Judgement(holds, judged, words, table, {name: list(of.items()) for name, of in found.items() if of})


def draw_batches(drawn: Drawn) -> Figure:
    """Mean cosine over the dimension, a line a method."""
    figure = blank(5.6, 3.2, "Mean cosine over the dimension")
    axes = figure.subplots()
    for method, points in drawn.items():
        axes.plot(*zip(*points, strict=True), label=method, linestyle="-" if method in POINTWISE else ":")
    axes.axhline(0, color=ink(), linewidth=0.8, linestyle="-", marker="")
    axes.set_xscale("log", base=2)
    dims = sorted({dim for points in drawn.values() for dim, _ in points})
    axes.set_xticks(dims, [f"{dim}" for dim in dims])
    axes.minorticks_off()
    axes.set_xlabel("dimension D")
    axes.set_ylabel("cos")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def judge_training(critics: Sequence[Cell]) -> Judgement:
    """Cosines on the way to the last step, by method."""
    judged = [
        cell
        for cell in critics
        if len(cell.curve) == len(_LOOKS) and cell.steps >= PART * full_steps(cell.method, cell.law)
    ]
    of_method = {name: part for name in ORDER if (part := [cell for cell in judged if cell.method == name])}
    if FALLS not in of_method:
        return Judgement(None, judged)
    curves = {
        name: [fmean(cell.curve[k][1] for cell in part) for k in range(len(_LOOKS))] for name, part in of_method.items()
    }
    lost = {name: _lost(part, 0) for name, part in of_method.items()}
    late = {name: _lost(part, 2) for name, part in of_method.items()}
    table = [["method", "steps", "pairs", *(f"cos at {look}" for look in _LOOKS), "gain of the last three quarters", "pairs worse than at 1/4", "pairs worse than at 1/64"]]  # fmt: skip
    table += [
        [
            name, " to ".join(f"{steps:,}" for steps in _ends(cell.steps for cell in part)), f"{len(part)}", *map(shown, curves[name]),
            signed(curves[name][-1] - curves[name][2]), percent(late[name]), percent(lost[name]),
        ]
        for name, part in of_method.items()
    ]  # fmt: skip
    gains = {name: curve[-1] - curve[2] for name, curve in curves.items()}
    most, least = max(gains, key=gains.__getitem__), min(gains, key=gains.__getitem__)
    words = (
        f"The mean cosine of {FALLS} goes from {shown(curves[FALLS][2])} after a quarter of its steps to {shown(curves[FALLS][-1])} at the end; of {number(len(of_method[FALLS]), 'pair')} it ends "
        f"on {percent(late[FALLS])} below where it was after a quarter, and on {percent(lost[FALLS])} below where it was after 1/64, in the mean over families. "
        f"From a quarter of the steps on, {most} gains most ({signed(gains[most])}) and {least} least ({signed(gains[least])})."
    )
    return Judgement(late[FALLS] >= LOST, judged, words, table, curves)


def _ends(steps: Iterable[int]) -> list[int]:
    """The least and the most, once if they are the same."""
    ordered = sorted(set(steps))
    return [*ordered[:1], *ordered[1:][-1:]]


def draw_training(drawn: Drawn) -> Figure:
    """Mean cosine at each look, a line a method."""
    figure = blank(5.6, 3.2, "Mean cosine on the way")
    axes = figure.subplots()
    for method, curve in drawn.items():
        axes.plot(range(len(_LOOKS)), curve, label=method)
    axes.set_xticks(range(len(_LOOKS)), _LOOKS)
    axes.set_xlabel("share of the steps")
    axes.set_ylabel("cos")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def judge_seeds(critics: Sequence[Cell]) -> Judgement:
    """The deviation between seeds over the standard error of the test points."""
    ratios: dict[str, list[float]] = defaultdict(list)
    spreads: dict[str, list[tuple[float, float]]] = defaultdict(list)
    judged: list[Cell] = []  # not a critic that is the same at all points, whose mean has no error
    for cell in critics:
        sample = cell.sample("cos")
        if sample.seed_deviation is not None and sample.points_error > 0:
            judged.append(cell)
            ratios[cell.method].append(sample.seed_deviation / sample.points_error)
            spreads[cell.method].append((sample.seed_deviation, sample.points_error))
    every = [ratio for of_method in ratios.values() for ratio in of_method]
    if not every:
        return Judgement(None, judged)
    names = [name for name in ORDER if name in ratios]
    table = [
        ["method", "critics", "deviation between seeds", "standard error of the test points", "ratio", "ratio above 1"]
    ]
    table += [
        [
            name, f"{len(ratios[name])}", *(shown(median(of), 4) for of in zip(*spreads[name], strict=True)), shown(median(ratios[name]), 1),
            percent(fmean(ratio > 1 for ratio in ratios[name])),
        ]
        for name in names
    ]  # fmt: skip
    seeds = min(len(cell.rows) for cell in judged)
    words = (
        f"Of {number(len(every), 'critic')} with {seeds} seeds or more, the cosine's deviation between seeds is {shown(median(every), 1)} times the standard error of the test points in the median, "
        f"{shown(float(np.quantile(every, 0.9)), 1)} times at the ninetieth percentile, and above it for {percent(fmean(ratio > 1 for ratio in every))}."
    )
    drawn = {name: [float(np.quantile(ratios[name], q)) for q in (0.1, 0.5, 0.9)] for name in names}
    return Judgement(median(every) >= TWICE, judged, words, table, drawn)


def draw_seeds(drawn: Drawn) -> Figure:
    """The median ratio of each method, and the range from the tenth to the ninetieth percentile."""
    figure = blank(5.6, 0.9 + 0.22 * len(drawn), "Deviation between seeds over the test points' standard error")
    axes = figure.subplots()
    names = list(drawn)[::-1]
    low, middle, high = np.array([drawn[name] for name in names]).T
    axes.hlines(range(len(names)), low, high)
    axes.plot(middle, range(len(names)), linestyle="none")
    axes.axvline(1, color=ink(), linewidth=0.8, linestyle=":", marker="")
    axes.set_xscale("log")
    ticks = [0.2, 0.5, 1, 2, 5, 10, 20] + [far for far in (50, 100, 200, 500, 1000) if far < max(high)]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("ratio: median, tenth to ninetieth percentile")
    return figure


def _lost(critics: Sequence[Cell], look: int) -> float:
    """The share of pairs where the end is below an earlier look, a mean over families."""
    return fmean(
        fmean(cell.curve[-1][1] < cell.curve[look][1] for cell in part) for part in by_family(critics).values()
    )


BATCHES = Claim(
    name="batches",
    statement="Comparing batches point by point fails in many dimensions",
    criterion="the mean cosines of DOT, MM:B and LS are above 0 at the smallest dimension and below 0 at the largest, in families that have pairs of three dimensions or more",
    follows="Distances between independent points are nearly equal in many dimensions and say little of the plan; see [batches](why/batches.md). A larger batch does not help soon enough.",
    alt="Mean cosine over the dimension of DOT, MM:B and LS, with LP and KR beside",
    judge=judge_batches,
    draw=draw_batches,
)
TRAINING = Claim(
    name="training",
    statement="More training does not always help",
    criterion="the cosine of WC ends below the one after a quarter of its steps on three quarters of the pairs or more, in the mean over families, of trainings with a tenth of their method's steps or more",
    follows="Look at a method's curve before you give it more steps. Clipped weights lose some of what they had learned: their gradient turns away from the truth again.",
    alt="Mean cosine of methods after 1/64, 1/16, 1/4 and all of their steps",
    judge=judge_training,
    draw=draw_training,
)
SEEDS = Claim(
    name="seeds",
    statement="Seeds differ by more than test points do",
    criterion="the median ratio of the deviation between seeds to the standard error of the test points is 2 or more",
    follows="An interval over test points alone is too narrow for a trained method. Train several seeds before two methods are told apart.",
    alt="Deviation between seeds over the standard error of the test points, by method",
    judge=judge_seeds,
    draw=draw_seeds,
    seeds=3,
)
