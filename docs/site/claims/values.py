"""Claims about values and slopes: whether a right gradient means a right value, what a penalty's value is, and who keeps slope 1."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median

import numpy as np
from matplotlib.figure import Figure

from w1bench.figures.canvas import blank, ink
from w1bench.trials.comparison.cells import Cell
from w1bench.trials.results import PENALTIES

from .claim import Claim, Drawn, Judgement, by_family, listed, number, percent, shown

NEAR, FAR = 10.0, 20.0  # dev, in per cent
WRONG, RIGHT = 0.5, 0.9  # cosines
ONE_IN_TEN = 0.1
LEARNED = 0.8  # the cosine of a critic that has learned its pair
APART = 2.0  # W1 from which on the prediction is a tenth above it
SLOPE = 1.001  # above which one is broken, as findings have it
VALUE = 1.02  # times W1, which test points may take a value to
BOUNDED = {
    "SO": "orthogonal layers",
    "KR": "orthogonal layers",
    "SLL": "self-bounded layers",
    "AOL": "almost-orthogonal layers",
}
ASKED = {
    "WC": "clipped weights",
    "GP": "two-sided penalty",
    "LP": "one-sided penalty",
    "MM:Bv2": "batch c-transforms",
    "SN": "spectral norms of flattened kernels",
}
BROKEN, LEAST = ("WC", "GP", "LP", "MM:Bv2"), 0.25


def judge_values(critics: Sequence[Cell]) -> Judgement:
    """Critics with a right gradient, and how wrong their values are; and the other way round."""
    near = [cell for cell in critics if cell.mean("dev") < NEAR]
    right = [cell for cell in critics if cell.cos > RIGHT]
    if not right:
        return Judgement(None, critics)
    wrong = [cell for cell in near if cell.cos < WRONG]
    far = [cell for cell in right if cell.mean("dev") > FAR]
    rows = [
        [f"`{name}`", *(f"{sum(cell.family == name for cell in kind)}" for kind in (critics, near, wrong, right, far))]
        for name in by_family(critics)
    ]
    table = [
        ["family", "critics", "dev below 10 %", "of them cos below .5", "cos above .9", "of them dev above 20 %"],
        *rows,
        ["all", *(f"{len(kind)}" for kind in (critics, near, wrong, right, far))],
    ]
    share = len(far) / len(right)
    words = f"{len(right)} of {number(len(critics), 'critic')} have a cosine above .9, and {len(far)} of these ({percent(share)}) have a value that is more than 20 % wrong."
    if near:
        least = min(near, key=lambda cell: cell.cos)
        words += (
            f" The other way round, of {len(near)} with a value within 10 % of W1, {len(wrong)} ({percent(len(wrong) / len(near))}) have a cosine below .5; "
            f"the lowest is {shown(least.cos)}, of {least.method} on {least.pair}."
        )
    points = [[min(cell.mean("dev"), 1000.0), cell.cos] for cell in critics]
    return Judgement(share >= ONE_IN_TEN, critics, words, table, points)


def draw_values(drawn: Drawn) -> Figure:
    """Cosine against dev, a point a critic."""
    figure = blank(5.6, 3.3, "Cosine against the error of the value")
    axes = figure.subplots()
    dev, cos = np.array(drawn).T
    for chosen, label in ((~(found := (dev > FAR) & (cos > RIGHT)), "others"), (found, "right gradient, wrong value")):
        axes.plot(np.maximum(dev[chosen], 0.1), cos[chosen], linestyle="none", markersize=3, label=label)
    axes.axvline(FAR, color=ink(), linewidth=0.8, linestyle=":", marker="")
    axes.axhline(RIGHT, color=ink(), linewidth=0.8, linestyle=":", marker="")
    axes.set_xscale("log")
    axes.set_xlabel("dev [%] (1,000 stands for more)")
    axes.set_ylabel("cos")
    axes.legend(loc="lower left")
    return figure


def judge_congestion(critics: Sequence[Cell]) -> Judgement:
    """The values of gradient penalties beside W1 + W1^2 / 20, on pairs where the two differ by a tenth or more."""
    penalised = [cell for cell in critics if cell.method in PENALTIES]
    judged = [cell for cell in penalised if cell.w1 >= APART and cell.cos >= LEARNED]
    if not judged:
        return Judgement(None, judged)
    predicted = [abs(_ratio(cell) / _congested(cell) - 1) for cell in judged]
    plain = [abs(_ratio(cell) - 1) for cell in judged]
    table = [["pair", "method", "steps", "cos", "W1", "predicted", "value", "off the prediction", "off W1"]]
    table += [
        [
            cell.pair, cell.method, f"{cell.steps:,}", shown(cell.cos), shown(cell.w1), shown(cell.w1 * _congested(cell)), shown(cell.mean("w1_raw")),
            _signed(_ratio(cell) / _congested(cell)), _signed(_ratio(cell)),
        ]
        for cell in judged
    ]  # fmt: skip
    words = (
        f"{number(len(judged), 'critic')} of {listed([name for name in PENALTIES if any(cell.method == name for cell in judged)])} on pairs with W1 of 2 or more have a cosine of .8 or more. Their value is "
        f"{percent(median(predicted))} off W1 + W1²/20 in the median, at most {percent(max(predicted))}; it is {percent(median(plain))} off W1 itself, at most {percent(max(plain))}."
    )
    points = [[cell.w1, _ratio(cell), float(cell.cos >= LEARNED)] for cell in penalised]
    return Judgement(median(predicted) < median(plain), judged, words, table, points)


def draw_congestion(drawn: Drawn) -> Figure:
    """Value over W1 against W1, and what congestion predicts."""
    figure = blank(5.6, 3.2, "GP and LP: the value over W1")
    axes = figure.subplots()
    w1, ratio, learned = np.array(drawn).T
    line = np.geomspace(w1.min(), w1.max(), 60)
    axes.plot(line, 1 + line / 20, linestyle="-", marker="", label="1 + W1 / 20")
    axes.plot(w1[learned == 1], ratio[learned == 1], linestyle="none", label="cosine of .8 or more")
    axes.plot(w1[learned == 0], ratio[learned == 0], linestyle="none", markerfacecolor="none", label="lower cosine")
    axes.set_xscale("log")
    ticks = [0.2, 0.5, 1, 2, 5, 10, 20, 50]
    axes.set_xticks(kept := [tick for tick in ticks if line[0] <= tick <= line[-1]], [f"{tick:g}" for tick in kept])
    axes.minorticks_off()
    axes.set_xlabel("W1")
    axes.set_ylabel("value / W1")
    axes.legend()
    return figure


def judge_slopes(critics: Sequence[Cell]) -> Judgement:
    """The steepest slopes and the largest values of methods whose layers bound the slope, and of methods that ask for slope 1 in another way."""
    found = {name: [cell for cell in critics if cell.method == name] for name in ASKED | BOUNDED}
    slopes = {name: [cell.slope for cell in of_method if cell.slope is not None] for name, of_method in found.items()}
    judged = [cell for of_method in found.values() for cell in of_method]
    if not all(slopes.values()):
        return Judgement(None, judged)
    shares = {name: _steep(of_method) for name, of_method in found.items()}
    values = {name: max(cell.mean("w1_estimate") / cell.w1 for cell in of_method) for name, of_method in found.items()}
    table = [["method", "held by", "critics with a slope", "steeper than 1", "steepest slope at least", "critics with a value", "largest value / W1"]]  # fmt: skip
    table += [
        [name, way, f"{len(slopes[name])}", percent(shares[name]), shown(max(slopes[name])), f"{len(found[name])}", shown(values[name])]
        for name, way in (ASKED | BOUNDED).items()
    ]  # fmt: skip
    steepest, largest = (
        max(BOUNDED, key=lambda name: of[name]) for of in ({name: max(of) for name, of in slopes.items()}, values)
    )
    words = (
        f"In the mean over families, {listed([f'{percent(shares[name])} of {name}' for name in ASKED])} are steeper than 1 between two test points. Of "
        f"{number(sum(len(slopes[name]) for name in BOUNDED), 'critic')} whose layers bound the slope, {sum(slope > SLOPE for name in BOUNDED for slope in slopes[name]) or 'none'} are: "
        f"the steepest has {shown(max(slopes[steepest]))} ({steepest}), and the largest value is {shown(values[largest])} of W1 ({largest})."
    )
    is_bounded = all(shares[name] == 0 and values[name] <= VALUE for name in BOUNDED)
    return Judgement(is_bounded and all(shares[name] >= LEAST for name in BROKEN), judged, words, table, slopes)


def draw_slopes(drawn: Drawn) -> Figure:
    """A point a critic, a line a method."""
    figure = blank(5.6, 0.9 + 0.25 * len(drawn), "Steepest slope between two test points, at least")
    axes = figure.subplots()
    names = list(drawn)[::-1]
    for kind in (ASKED, BOUNDED):
        points = [(slope, place) for place, name in enumerate(names) if name in kind for slope in drawn[name]]
        axes.plot(*zip(*points, strict=True), linestyle="none", alpha=0.8)
    axes.axvline(1, color=ink(), linewidth=0.8, linestyle=":", marker="")
    axes.set_xscale("log")
    axes.set_xticks([0.1, 0.2, 0.5, 1, 2, 5, 10], ["0.1", "0.2", "0.5", "1", "2", "5", "10"])
    axes.minorticks_off()
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("slope")
    return figure


def _ratio(cell: Cell) -> float:
    return cell.mean("w1_raw") / cell.w1


def _congested(cell: Cell) -> float:
    """What a gradient penalty of weight 10 makes of W1, as a multiple of it."""
    return 1 + cell.w1 / (2 * PENALTIES[cell.method])


def _steep(critics: Sequence[Cell]) -> float:
    """The share of critics that are steeper than 1, a mean over families."""
    known = [cell for cell in critics if cell.slope is not None]
    return fmean(fmean((cell.slope or 0.0) > SLOPE for cell in part) for part in by_family(known).values())


def _signed(ratio: float) -> str:
    return f"{round(100 * (ratio - 1)) + 0:+d} %"


VALUES = Claim(
    name="values",
    statement="A right gradient does not mean a right value",
    criterion="of the critics with a cosine above .9, one in ten or more have a value that is more than 20 % wrong",
    follows="Value and gradient are two questions: judge neither by the other. The value of any critic can be made right by a factor. Hence `dev` ranks nothing here.",
    alt="Cosine against dev, a point a critic; dotted lines at a dev of 20 % and a cosine of .9",
    judge=judge_values,
    draw=draw_values,
    metrics=("dev",),
)
CONGESTION = Claim(
    name="congestion",
    statement="A gradient penalty measures congested transport",
    criterion="on pairs with W1 of 2 or more, the value of the critics of GP and LP that have a cosine of .8 or more is nearer to W1 + W1²/20 than to W1, in the median of the relative errors",
    follows="The loss of a penalty of weight 10 is no estimate of W1 where W1 is large. It can be taken back by 10 (√(1 + loss/5) - 1); see [congestion](why/congestion.md).",
    alt="The value of GP and LP over W1 against W1, with the curve 1 + W1/20",
    judge=judge_congestion,
    draw=draw_congestion,
    metrics=("w1_raw",),
)
SLOPES = Claim(
    name="slopes",
    statement="Layers hold the slope to 1, losses do not",
    criterion=(
        "no critic of SO, KR, SLL and AOL has a slope above 1.001 or a value above 1.02 W1, and of WC, GP, LP and MM:Bv2 each has a slope above 1.001 on a quarter of its pairs or more, in the mean over families"
    ),
    follows=(
        "The value of a critic that is steeper than 1 bounds nothing. Where a lower bound of W1 is needed, take layers that bound the slope. SN does so on vectors; on pictures it flattens the "
        "kernels of convolutions, which bounds nothing."
    ),
    alt="Steepest slopes of critics by method, with a line at 1",
    judge=judge_slopes,
    draw=draw_slopes,
    metrics=("w1_estimate",),
)
