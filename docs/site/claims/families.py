"""Claims over families of pairs: who leads in which, and what two means would have done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from statistics import fmean

import numpy as np
from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap
from matplotlib.figure import Figure

from w1bench.figures.canvas import INK, PALETTE, blank, ink
from w1bench.trials.comparison.agreement import rank_correlation
from w1bench.trials.comparison.cells import Cell
from w1bench.trials.results import UNTRAINED

from .claim import Claim, Drawn, Judgement, by_family, either, listed, number, percent, shown

APART = ("late", "spiked")  # families that ask for something else than direction: signal in noise
FURTHER, SHARE = 0.1, 1 / 4
_ALIKE = (0.6, 0.8)  # correlations from which on a shade is darker
_FEWEST = 3  # methods that have an order


def judge_order(critics: Sequence[Cell]) -> Judgement:
    """The best method of each family, and how far the families' orders agree."""
    compared = _everywhere([cell for cell in critics if cell.skill is not None])
    families = by_family(compared)
    methods = list(dict.fromkeys(cell.method for cell in compared))
    if len(methods) < _FEWEST or len(families.keys() - set(APART)) < 2 or not families.keys() & set(APART):
        return Judgement(None, compared)
    skills = {name: _means(of_family) for name, of_family in families.items()}
    agreement = {
        (a, b): rank_correlation([skills[a][m] for m in methods], [skills[b][m] for m in methods])
        for a, b in combinations(families, 2)
    }
    apart = fmean(value for names, value in agreement.items() if set(names) & set(APART))
    alike = fmean(value for names, value in agreement.items() if not set(names) & set(APART))
    best = {name: sorted(of_family, key=of_family.__getitem__, reverse=True)[:2] for name, of_family in skills.items()}
    leads = Counter(first for first, _ in best.values()).most_common()
    between = {name: [value for names, value in agreement.items() if name in names] for name in families}
    table = [
        ["family", "best", "skill", "second", "skill", "mean correlation with the other families' orders"],
        *(
            [f"`{name}`", first, shown(skills[name][first]), second, shown(skills[name][second]), shown(fmean(between[name]))]
            for name, (first, second) in best.items()
        ),
    ]  # fmt: skip
    (first, most), *others = leads
    said = [f"of {first} in {most} of {len(families)}", *(f"of {method} in {count}" for method, count in others)]
    words = (
        f"The best skill of a family is that {listed(said)}. Two families order the {len(methods)} methods alike with a Spearman correlation of "
        f"{shown(alike)} in the mean; where {either([f'`{name}`' for name in APART if name in families])} is one of the two, it is {shown(apart)}."
    )
    holds = most < len(families) and alike - apart >= FURTHER
    matrix = [[1.0 if a == b else agreement[min(a, b), max(a, b)] for b in families] for a in families]
    return Judgement(holds, compared, words, table, {"families": list(families), "agreement": matrix})


def draw_order(drawn: Drawn) -> Figure:
    """A map of correlations between the orders of families."""
    figure = blank(4.6, 3.3, "Spearman's correlation between families' orders")
    axes = figure.subplots()
    values = np.array(drawn["agreement"])
    _, paper, _ = INK["light"]
    shades = LinearSegmentedColormap.from_list("shades", [paper, PALETTE["light"][0]], N=3)
    axes.imshow(values, cmap=shades, norm=BoundaryNorm([-1, *_ALIKE, 1.001], 3), aspect="auto")
    axes.set_xticks(range(len(values)), drawn["families"])
    axes.set_yticks(range(len(values)), drawn["families"])
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for (i, j), value in np.ndenumerate(values):
        axes.text(
            j, i, shown(value), ha="center", va="center", fontsize=8, color="white" if value >= _ALIKE[1] else "black"
        )
    return figure


def judge_trivial(critics: Sequence[Cell]) -> Judgement:
    """How many trained critics are worse than what two means give."""
    trained = [cell for cell in critics if cell.skill is not None and is_trained(cell)]
    families = by_family(trained)
    if len(families) < 2:
        return Judgement(None, trained)
    below = {name: [cell for cell in of_family if _skill(cell) < 0] for name, of_family in families.items()}
    shares = {name: len(below[name]) / len(of_family) for name, of_family in families.items()}
    mean = fmean(shares.values())
    table = [
        ["family", "trained critics", "with skill below 0", "share", "best skill"],
        *(
            [f"`{name}`", f"{len(families[name])}", f"{len(below[name])}", percent(shares[name]), _best(families[name])]
            for name in families
        ),
    ]
    most, least = max(shares, key=shares.__getitem__), min(shares, key=shares.__getitem__)
    words = (
        f"{sum(map(len, below.values()))} of {number(len(trained), 'trained critic')} have a lower cosine than f(x) = -‖x - mean of Q‖ or the constant direction from one mean "
        f"to the other: {percent(mean)} in the mean over families, from {percent(shares[least])} on `{least}` to {percent(shares[most])} on `{most}`."
    )
    return Judgement(mean >= SHARE, trained, words, table, shares)


def draw_trivial(drawn: Drawn) -> Figure:
    """A bar a family."""
    figure = blank(5.6, 0.9 + 0.25 * len(drawn), "Trained critics that two means beat")
    axes = figure.subplots()
    ordered = sorted(drawn, key=drawn.__getitem__)
    axes.barh(ordered, [100 * drawn[name] for name in ordered], height=0.6)
    for place, name in enumerate(ordered):
        axes.text(100 * drawn[name] + 1, place, percent(drawn[name]), va="center", fontsize=8, color=ink())
    axes.set_xlim(0, 110)
    axes.set_xticks(range(0, 101, 25))
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("share with skill below 0 [%]")
    return figure


def is_trained(cell: Cell) -> bool:
    """Whether a critic was trained, and not computed from one sample."""
    return cell.method not in UNTRAINED | {"kmeans"}


def _everywhere(critics: Sequence[Cell]) -> list[Cell]:
    """The critics on the pairs of each family that most methods have, of the methods that have all of these."""
    counts = Counter(cell.pair for cell in critics)
    most = {name: max(counts[cell.pair] for cell in of_family) for name, of_family in by_family(critics).items()}
    kept = [cell for cell in critics if counts[cell.pair] == most[cell.family]]
    pairs = {cell.pair for cell in kept}
    whole = {method for method, count in Counter(cell.method for cell in kept).items() if count == len(pairs)}
    return [cell for cell in kept if cell.method in whole]


def _means(critics: Sequence[Cell]) -> dict[str, float]:
    methods = dict.fromkeys(cell.method for cell in critics)
    return {method: fmean(_skill(cell) for cell in critics if cell.method == method) for method in methods}


def _skill(cell: Cell) -> float:
    assert cell.skill is not None
    return cell.skill


def _best(critics: Sequence[Cell]) -> str:
    best = max(critics, key=_skill)
    return f"{shown(_skill(best))} ({best.method} on {best.pair})"


ORDER = Claim(
    name="order",
    statement="No method is best in every family",
    criterion=(
        "no method has the best mean skill in every family, and the mean correlation of orders that has `late` or `spiked` in it is lower by .1 or more than that of the others"
    ),
    follows="Compare methods on several families, and look at the worst one. Who leads on funnels need not lead where a signal is hidden in noise.",
    alt="A map of Spearman's correlations between the orders of methods in the families",
    judge=judge_order,
    draw=draw_order,
)
TRIVIAL = Claim(
    name="trivial",
    statement="Two means beat many a trained critic",
    criterion="a quarter of the trained critics or more have skill below 0, in the mean over families",
    follows="A cosine alone says little in high dimension. Put the two trivial critics beside yours: they need two means and no training.",
    alt="Bars: the share of trained critics with skill below 0, by family",
    judge=judge_trivial,
    draw=draw_trivial,
)
