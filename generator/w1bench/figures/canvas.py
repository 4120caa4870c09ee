"""What a figure is drawn on: two themes, a palette that the colour-blind tell apart, and files without a date.

Lines differ by dash and marker as well as by colour. The palette is Okabe and Ito's ("Color universal design", 2008).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from cycler import cycler
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from w1bench.errors import InputError

ThemeName = Literal["light", "dark"]
BackgroundName = Literal["paper", "transparent"]
SUFFIXES = (".png", ".svg", ".pdf")
INK = {"light": ("#1b1b1f", "#ffffff", "#c9c9cf"), "dark": ("#ececf1", "#16171d", "#4a4b55")}  # ink, paper, grid
PALETTE = {
    "light": ("#0072b2", "#d55e00", "#009e73", "#a8497f", "#8a6d00", "#2b2b2b"),
    "dark": ("#56b4e9", "#e69f00", "#2fc79a", "#dd8fbb", "#f0e442", "#ececf1"),
}
_DASHES = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D", "v", "P")
_NO_DATE = {".png": {"Software": None}, ".svg": {"Date": None, "Creator": None}, ".pdf": {"CreationDate": None}}


@contextmanager
def themed(theme: ThemeName) -> Generator[None]:
    """Figures that are made inside have a theme's colours."""
    ink, paper, grid = INK[theme]
    colors = PALETTE[theme]
    lines = [(colors[k % len(colors)], _DASHES[k // len(colors) % 4], _MARKERS[(k + k // 24) % 6]) for k in range(48)]
    style: dict[Any, Any] = {
        "figure.facecolor": paper, "axes.facecolor": paper, "savefig.facecolor": paper, "text.color": ink, "axes.labelcolor": ink,
        "axes.edgecolor": ink, "xtick.color": ink, "ytick.color": ink, "grid.color": grid, "grid.linewidth": 0.6,
        "axes.grid": True, "axes.axisbelow": True, "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False, "legend.handlelength": 3.6,
        "axes.titlesize": 10, "axes.titlelocation": "left", "axes.labelsize": 9, "xtick.labelsize": 8, "ytick.labelsize": 8,
        "legend.fontsize": 8, "font.family": "sans-serif", "svg.hashsalt": "w1bench", "lines.linewidth": 1.6, "lines.markersize": 4,
        "axes.prop_cycle": cycler(color=[c for c, _, _ in lines]) + cycler(linestyle=[d for _, d, _ in lines]) + cycler(marker=[m for _, _, m in lines]),
    }  # fmt: skip
    with mpl.rc_context(style):
        yield


def ink() -> str:
    """The colour of text and rays in the theme that is used."""
    return str(mpl.rcParams["text.color"])


def blank(width: float, height: float, title: str) -> Figure:
    """An empty figure of so many inches under a title."""
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=11)
    return figure


def check_path(path: Path) -> None:
    """Raises an InputError unless the name ends as a figure's."""
    if path.suffix not in SUFFIXES:
        raise InputError(f"The figure came as {path}; give a name that ends in {', '.join(SUFFIXES)}.")


def save(
    figure: Figure, path: Path, background: BackgroundName = "paper", *, dpi: float | Literal["figure"] = "figure"
) -> None:
    """Write a figure as PNG, SVG or PDF, by its suffix; the same figure gives the same bytes. `dpi` is of PNG.

    Raises:
        InputError: the name ends in something else.
    """
    check_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=dpi, transparent=background == "transparent", metadata=_NO_DATE[path.suffix])


def need(rows: Sequence[object], what: str) -> None:
    """Raises an InputError where there is nothing to draw."""
    if not rows:
        raise InputError(f"There is nothing to draw: {what}.")
