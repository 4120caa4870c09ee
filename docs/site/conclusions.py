"""Writes docs/conclusions.md and its figures from the committed rows of results: `make conclusions`, some seconds.

With names of conclusions it prints these and draws their figures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from claims.claim import Verdict
from claims.page import CLAIMS, page, section
from picture import plain

from w1bench.figures import canvas
from w1bench.trials import results

ROOT = Path(__file__).parents[2]
PAGE, FIGURES = ROOT / "docs" / "conclusions.md", ROOT / "docs" / "conclusions"
_DPI = 100  # so that ten figures take less room than one photograph


def committed_rows() -> list[results.Row]:
    """The rows of all committed files."""
    return [row for path in sorted((ROOT / "datasets" / "results").glob("*.json")) for row in results.read(path)]


def draw(verdict: Verdict) -> None:
    """Draw a conclusion's figure, with a note of the figures that it shows."""
    path = FIGURES / f"{verdict.claim.name}.png"
    with canvas.themed("light"):
        canvas.save(verdict.claim.draw(verdict.judgement.drawn), path, dpi=_DPI)
    plain(path, verdict.drawn)


def main() -> None:
    """Write the page and draw all figures, or print and draw what is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *CLAIMS], help="conclusions; default the whole page")
    names = parser.parse_args().names
    rows = committed_rows()
    for name in names or CLAIMS:
        verdict = CLAIMS[name].verdict(rows)
        if verdict.judgement.drawn is not None:
            draw(verdict)
        if names:
            print(section(verdict))
    if not names:
        PAGE.write_text(page(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
