"""The snippets on pages run as they stand, up to the row, which needs a service and a token."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from w1bench.site.descriptions import commands, snippets


@pytest.mark.parametrize(
    ("name", "pair"),
    [("numpy", "small-d2-n4-p8"), ("torch", "small-digits"), ("JAX", "small-d2-n4-p8"), ("JAX", "small-digits")],
)
def test_a_snippet_scores_a_critic(archive: Path, name: str, pair: str) -> None:
    snippet = next(each for each in snippets(str(archive), pair) if each.name == name)
    program, _, sent = snippet.text.partition("row = ")
    assert sent.startswith('evaluation.submit(method="mine")')
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "cos" in done.stdout


def test_of_a_sealed_pair_nobody_is_told_to_score_it(archive: Path) -> None:
    shown = snippets("ADDRESS", "sealed-d16", sealed=True)
    assert [snippet.name for snippet in shown] == ["numpy", "curl"]
    assert "evaluate" not in shown[0].text


def test_names_are_quoted_in_addresses() -> None:
    assert "method=a+%26+b" in commands("ADDRESS", "pair", "a & b")[1].text
