"""Many clients at once, and kill -9: nothing is lost, nothing doubled, nothing half there. `make load` and `load.kills` do it at length."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from load.clients import CLIENTS, DATABASES, load, load_static
from load.kills import VICTIMS, kills
from support.files import ROOT


@pytest.mark.parametrize("kind", DATABASES)
def test_many_at_once_lose_and_double_nothing(tmp_path: Path, kind: str) -> None:
    loaded = load(tmp_path, kind, seconds=3, clients=10)
    told = loaded.told
    assert told.errors == []
    assert loaded.recorded == len(told.rows) >= 1
    assert min(len(told.seconds[request]) for request in ("download", "slice", "leaderboard")) >= 1
    beside = load_static(loaded, seconds=1, clients=10)
    assert beside.told.errors == []
    assert min(loaded.server_seconds, loaded.client_seconds, beside.server_seconds) > 0


@pytest.mark.parametrize("kind", DATABASES)
def test_kills_at_random_moments_lose_and_double_nothing(tmp_path: Path, kind: str) -> None:
    counts = kills(tmp_path, kind, points=4, seed=0, clients=2)
    assert counts["acknowledged"] >= 4
    assert 0 < counts["of these as jobs"] < counts["acknowledged"]
    assert counts["pairs built"] == 5
    assert all(counts[f"{victim}s killed"] == 1 for victim in VICTIMS)


def test_the_long_run_is_committed() -> None:
    page = (ROOT / "docs" / "benchmarks" / "load.md").read_text(encoding="utf-8")
    assert f"{CLIENTS} clients for 60 s" in page
    for kind in DATABASES:
        (recorded,) = re.findall(rf"{kind}: no error, (\d+) submissions", page)
        assert int(recorded) > 0


def test_the_long_run_of_kills_is_committed() -> None:
    page = (ROOT / "docs" / "benchmarks" / "kills.md").read_text(encoding="utf-8")
    assert "python -m load.kills --points 30 --postgres" in page
    header, *rows = [
        line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("|") and "---" not in line
    ]
    assert [row[0] for row in rows] == list(DATABASES)
    for row in rows:
        found = dict(zip(header, row, strict=True))
        assert sum(int(found[f"{victim}s killed"]) for victim in VICTIMS) == 30
        assert int(found["acknowledged"]) > 0
        assert int(found["lost, doubled or half there"]) == 0
