"""A stranger holds what can be held while an honest client submits; `attack.hold` does it at length."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from attack.hold import LIVEZ_SECONDS, hold
from attack.stranger import ATTACKS
from support.files import ROOT

# Together, what must be refused; and apart, what makes the service work.
SHORT = [
    (("heads", "trailers"), {"431"}),
    (("connections", "bodies", "readers", "streams"), {"503"}),
    (("validate",), {"429"}),
    (("slices", "boards", "as_of"), set[str]()),
]


def test_an_honest_client_gets_its_rows_whatever_a_stranger_holds(tmp_path: Path) -> None:
    held = hold(tmp_path, 3.0, [kinds for kinds, _ in SHORT])
    for (kinds, told, honest), (_, refused) in zip(held, SHORT, strict=True):
        assert honest.rows, kinds
        assert np.median(honest.livez) <= LIVEZ_SECONDS, kinds  # its slowest is the machine's, which the tests share
        assert refused <= set(told), (kinds, told)


def test_the_long_run_is_committed() -> None:
    page = (ROOT / "docs" / "benchmarks" / "attack.md").read_text(encoding="utf-8")
    assert "python -m attack.hold --seconds 60" in page
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("|")][2:]
    assert [row[0] for row in rows] == [*ATTACKS, "all together"]
    for name, _, _, submissions, *_, livez, _ in rows:
        assert int(submissions) > 0, name
        assert float(livez) <= LIVEZ_SECONDS, name
