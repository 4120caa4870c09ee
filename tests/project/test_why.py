"""The pages on why critics are wrong name every finding and every fact, and the figures in their tables are those that the benchmarks printed."""

from __future__ import annotations

from typing import get_args

import pytest

from support.files import ROOT
from w1bench.diagnostics.findings.facts import Facts
from w1bench.diagnostics.findings.sentences import Code

WHY, BENCHMARKS = ROOT / "docs" / "why", ROOT / "docs" / "benchmarks"


def test_every_finding_and_fact_is_documented() -> None:
    page = (WHY / "findings.md").read_text(encoding="utf-8")
    for name in (*get_args(Code), *Facts.model_fields):
        assert f"`{name}`" in page


@pytest.mark.parametrize("name", ["congestion", "batches", "patches", "maps", "gradients"])
def test_every_row_of_figures_was_printed_by_a_command(name: str) -> None:
    page, printed = ((folder / f"{name}.md").read_text(encoding="utf-8") for folder in (WHY, BENCHMARKS))
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    assert rows
    assert set(rows) <= set(printed.splitlines())
    assert f"../benchmarks/{name}.md" in page
    assert "**What the figures support.**" in page
    assert "**What they do not.**" in page
