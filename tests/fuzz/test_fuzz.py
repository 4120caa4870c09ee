"""What the committed openapi.json promises holds for requests that nobody would write; `make fuzz-api` asks at length."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from fuzz.api import NAMES, fuzz
from support.files import ROOT


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_few_hundred_strange_requests_are_answered_as_documented(database: str) -> None:
    with TemporaryDirectory(prefix="w1bench-") as folder:  # pytest's own is closed to the user that PostgreSQL runs as
        outcomes = fuzz(Path(folder), examples=5, seed=0, database=database)
    assert [outcome.names for outcome in outcomes] == list(NAMES)
    for outcome in outcomes:
        assert outcome.cases >= 200
        assert outcome.failures == 0, outcome.report


def test_the_long_run_is_committed_and_found_nothing() -> None:
    page = (ROOT / "docs" / "benchmarks" / "fuzz-api.md").read_text(encoding="utf-8")
    (cases, failures) = re.findall(r"\| all \| (\d+) \| (\d+) \|", page)[0]
    assert int(cases) >= 5000
    assert int(failures) == 0
    assert "python -m fuzz.api" in page
    assert "--postgres" in page
    assert len(re.findall(r"\| postgresql \| [a-z ,]+ \| [0-9]+ \| 0 \|", page)) == len(NAMES)
