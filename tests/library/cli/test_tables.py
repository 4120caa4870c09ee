"""Tables in a terminal of 80 columns: no line is longer, no figure is cut, ties are marked."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from w1bench.cli.terminal import tables


def printed(*parts: Any) -> str:
    console = Console(width=80, file=io.StringIO())
    for part in parts:
        console.print(part, markup=False, highlight=False)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    return text


def row(rank: int | None, tied: bool, method: str, value: float) -> dict[str, Any]:
    figures = {"value": value, "low": value - 0.0123456, "high": value + 0.0123456}
    return {
        "rank": rank, "tied": tied, "pair": "hd-d128-n256-p8", "method": method, "user": "a-user-with-a-long-name",
        "url": "http://127.0.0.1:8100/submissions/" + 32 * "0", "seeds": 3,
        "metrics": dict.fromkeys(("cos", "skill", "l2", "dev"), figures),
    }  # fmt: skip


def test_a_leaderboard_fits() -> None:
    rows = [
        row(1, True, "A method with a name of many words, version 2", 0.987654),
        row(1, True, "B", 0.98),
        row(None, False, "C", -0.123456),
    ]
    methods = [{"rank": 1, "method": "B", "user": "ann", "mean_rank": 1.5, "pairs": 2}]
    text = printed(*tables.leaderboard({"rows": rows, "methods": methods}, wide=False))
    for figure in ("0.9877 [0.9753, 1]", "-0.1235 [-0.1358, -0.1111]", " 1=", "=: tied", "mean rank"):
        assert figure in text


def test_a_catalogue_fits() -> None:
    entry = {
        "name": "spiked-d128-k4-n64-p8", "shape": [3, 128, 128], "family": "attenuation", "funnels": 256, "power": 100.0,
        "w1": 12.345678, "w1_stderr": 0.00012, "sizes": {"train": 50000, "test": 10000, "probe": 2000}, "bytes": 10**9,
        "sealed": True, "revealed": True,
    }  # fmt: skip
    text = printed(tables.catalogue([entry, entry | {"w1_exact": 12.3456789012}], wide=False))
    for figure in ("12.3457 +- 0.0001", "12.3456789 exactly", "3x128x128", "revealed", "spiked-d128-k4-n64-p8"):
        assert figure in text
