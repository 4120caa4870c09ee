"""The page of the conclusions, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from w1bench.trials.comparison.cells import cells
from w1bench.trials.results import Row

from .claim import Claim, Table, Verdict, counted, trained
from .families import ORDER, TRIVIAL
from .gradients import POOLED, PROGRESS
from .training import BATCHES, SEEDS, TRAINING
from .values import CONGESTION, SLOPES, VALUES

CLAIMS: Mapping[str, Claim] = {
    claim.name: claim
    for claim in (ORDER, TRIVIAL, VALUES, CONGESTION, SLOPES, POOLED, PROGRESS, BATCHES, TRAINING, SEEDS)
}
COMMAND = "python docs/site/conclusions.py"
_HEAD = """# What the field's critics do

Ten conclusions about published and reference critics, from the [committed rows of results](../datasets/results/README.md) alone. `make conclusions` makes this page: every figure in every
sentence is computed, and so is every verdict. A conclusion that new rows do not support says so.

A *critic* is a method on a pair, at the longest training that it has there, a mean over its seeds. Each conclusion is a statement with a criterion that can fail. It is judged on all pairs,
and again without each [family](families.md) of them: what stands on one kind of pair alone is said to. The words are those of the [glossary](glossary.md) and of [metrics](metrics.md)."""
_FOOT = """## What the page does not show

The criteria were written down after rows like these had been seen. They are summaries that can be broken by new rows, not predictions that were tested. Their thresholds are choices.

Where a family has one pair and a method one seed, a figure is that of one draw. Leaving a family out shows whether a statement needs it, not whether it holds on a family that nobody has made yet. Rows of a short training
say how a method begins; where rows of more steps exist, they alone count. Seconds were measured on several machines, so that nothing here compares them."""


def page(rows: Sequence[Row]) -> str:
    """The whole page."""
    verdicts = [claim.verdict(rows) for claim in CLAIMS.values()]
    critics = cells(rows)
    summary = [["", "conclusion", "verdict"]]
    summary += [
        [f"{place}", f"[{each.claim.statement}](#{_anchor(place, each.claim)})", str(each)]
        for place, each in enumerate(verdicts, start=1)
    ]
    sections = [f"## {place}. {section(each)}" for place, each in enumerate(verdicts, start=1)]
    return (
        "\n\n".join([_HEAD, f"All rows: {counted(critics)} {trained(critics)}", markdown(summary), *sections, _FOOT])
        + "\n"
    )


def section(verdict: Verdict) -> str:
    """A conclusion: its verdict, its figures in words, as a picture and in a table, and how it was judged."""
    claim, judgement = verdict.claim, verdict.judgement
    parts = [claim.statement, f"**{verdict}.** {judgement.words}".strip()]
    if judgement.holds:
        parts.append(claim.follows)
    if judgement.table:
        parts += [f"![{claim.alt}](conclusions/{claim.name}.png)", markdown(judgement.table)]
    parts.append(f"*It holds if* {claim.criterion}. *Rows:* {verdict.budget} *Command:* `{COMMAND} {claim.name}`.")
    return "\n\n".join(parts)


def markdown(table: Table) -> str:
    """A table whose figures stand to the right."""
    header, *rows = table
    right = ["---:" if all(row[k][:1] in "-+.0123456789" for row in rows) else "---" for k in range(len(header))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, right, *rows))


def _anchor(place: int, claim: Claim) -> str:
    """As the heading's own anchor is made."""
    words = f"{place}. {claim.statement}".lower()
    return "".join(letter for letter in words if letter.isalnum() or letter in " -").replace(" ", "-")
