"""Claims about what gradients are good for: pooled over near inputs, and as steps of particles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean, median

import numpy as np
from matplotlib.figure import Figure

from w1bench.figures.canvas import blank, ink
from w1bench.trials.comparison.cells import Cell

from .claim import Claim, Drawn, Judgement, by_family, number, percent, shown

OTHER, ONE_IN_TEN = 0.1, 0.1
HALF, MOST = 0.5, 3 / 4
_POOLED = ("pooled_8", "pooled_64", "pooled_512")


def judge_pooled(critics: Sequence[Cell]) -> Judgement:
    """How often the cosine of a group's mean gradient is another than the mean cosine."""
    families = by_family(critics)
    if len(families) < 2:
        return Judgement(None, critics)
    higher = {name: _share(part, lambda cell: _gain(cell) > OTHER) for name, part in families.items()}
    lower = {name: _share(part, lambda cell: _gain(cell) < -OTHER) for name, part in families.items()}
    table = [
        ["family", "critics", "cos", *(f"`{name}`" for name in _POOLED), "higher over 8 groups", "lower over 8 groups"]
    ]
    table += [
        [
            f"`{name}`", f"{len(part)}", *(shown(fmean(cell.mean(metric) for cell in part)) for metric in ("cos", *_POOLED)),
            percent(higher[name]), percent(lower[name]),
        ]
        for name, part in families.items()
    ]  # fmt: skip
    up, down = max(critics, key=_gain), min(critics, key=_gain)
    words = (
        f"Over 8 groups of near inputs, {percent(fmean(higher.values()))} of the critics have a cosine that is more than .1 higher than point by point, and {percent(fmean(lower.values()))} one that is "
        f"more than .1 lower, in the mean over families. The largest rise is from {_told(up)}, the largest fall from {_told(down)}."
    )
    holds = min(fmean(higher.values()), fmean(lower.values())) >= ONE_IN_TEN
    return Judgement(holds, critics, words, table, [[cell.cos, cell.mean("pooled_8")] for cell in critics])


def draw_pooled(drawn: Drawn) -> Figure:
    """The pooled cosine against the cosine, a point a critic."""
    figure = blank(4.6, 3.6, "Cosine over 8 groups against cosine point by point")
    axes = figure.subplots()
    cos, pooled = np.array(drawn).T
    axes.plot(cos, pooled, linestyle="none", markersize=3)
    axes.plot([-1, 1], [-1, 1], color=ink(), linewidth=0.8, linestyle=":", marker="")
    axes.set_xlim(-1, 1)
    axes.set_ylim(-1, 1)
    axes.set_xlabel("cos")
    axes.set_ylabel("pooled_8")
    return figure


def judge_progress(critics: Sequence[Cell]) -> Judgement:
    """What a step along the gradient removes of W1, beside the cosine."""
    judged = [cell for cell in critics if cell.cos >= HALF]
    families = by_family(judged)
    if len(families) < 2:
        return Judgement(None, judged)
    less = {
        name: _share(part, lambda cell: cell.mean("progress_quarter") < cell.cos) for name, part in families.items()
    }
    table = [["family", "critics", "cos", "`progress_quarter`", "`progress_full`", "removes less than cos"]]
    table += [
        [
            f"`{name}`", f"{len(part)}", *(shown(median(cell.mean(metric) for cell in part)) for metric in ("cos", "progress_quarter", "progress_full")),
            percent(less[name]),
        ]
        for name, part in families.items()
    ]  # fmt: skip
    near = [cell.mean("progress_quarter") for cell in critics if 0.4 <= cell.cos < 0.6]
    words = (
        f"Of {number(len(judged), 'critic')} with a cosine of .5 or more, {percent(fmean(less.values()))} remove less of W1 by a step of W1/4 than their cosine, in the mean over families; "
        f"the truth's own step counts as 1. Their median progress is {shown(median(cell.mean('progress_quarter') for cell in judged))} at a median cosine of {shown(median(cell.cos for cell in judged))}."
    )
    if near:
        words += f" At cosines from .4 to .6 ({number(len(near), 'critic')}) it is {shown(median(near))}."
    points = [[cell.cos, max(cell.mean("progress_quarter"), -1.0)] for cell in critics]
    return Judgement(fmean(less.values()) >= MOST, judged, words, table, points)


def draw_progress(drawn: Drawn) -> Figure:
    """Progress against the cosine, a point a critic."""
    figure = blank(4.6, 3.6, "What a step of W1/4 removes, against the cosine")
    axes = figure.subplots()
    cos, progress = np.array(drawn).T
    axes.plot(cos, progress, linestyle="none", markersize=3)
    axes.plot([-1, 1], [-1, 1], color=ink(), linewidth=0.8, linestyle=":", marker="")
    axes.set_ylim(-1.05, 1.05)
    axes.set_xlim(-1, 1)
    axes.set_xlabel("cos")
    axes.set_ylabel("progress_quarter (-1 stands for less)")
    return figure


def _share(critics: Sequence[Cell], test: Callable[[Cell], bool]) -> float:
    return fmean(test(cell) for cell in critics)


def _gain(cell: Cell) -> float:
    return cell.mean("pooled_8") - cell.cos


def _told(cell: Cell) -> str:
    return f"{shown(cell.cos)} to {shown(cell.mean('pooled_8'))} ({cell.method} on {cell.pair})"


POOLED = Claim(
    name="pooled",
    statement="Pooling over near inputs changes the picture, both ways",
    criterion="over 8 groups, one critic in ten or more has a cosine that is more than .1 higher, and one in ten or more one that is more than .1 lower, in the mean over families",
    follows="A generator averages gradients over what it can tell apart. Score a critic at the resolution of the generator that it trains, not point by point alone.",
    alt="The cosine over 8 groups of near inputs against the cosine point by point, a point a critic",
    judge=judge_pooled,
    draw=draw_pooled,
    metrics=_POOLED,
)
PROGRESS = Claim(
    name="progress",
    statement="A step along the gradient removes less of W1 than its cosine says",
    criterion="of the critics with a cosine of .5 or more, three quarters or more have a `progress_quarter` below their cosine, in the mean over families",
    follows="A cosine of .5 is not half of the way. The size of the gradient counts, too, and where points would go too far, a step undoes what it gained.",
    alt="The progress of a step of W1/4 against the cosine, a point a critic, with the diagonal",
    judge=judge_progress,
    draw=draw_progress,
    metrics=("progress_quarter", "progress_full"),
)
