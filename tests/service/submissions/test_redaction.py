"""While a pair is sealed, a score shows a rounded cosine and nothing else."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from math import sqrt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from starlette.testclient import TestClient

from support.recipes import Sealed
from support.sealed_round import NAME, recorded, round_settings, sealed_card
from w1bench.archive.reveal import reveal
from w1bench.cli.terminal import tables
from w1bench.scoring.metrics import METRICS
from w1bench.scoring.scorecard import Scorecard
from w1bench_server.ledger.records import Entry
from w1bench_server.settings import Settings
from w1bench_server.submissions.redaction import redacted, step


@pytest.fixture
def settings(made: Sealed, tmp_path: Path) -> Settings:
    return round_settings(made, tmp_path / "data")


@given(st.integers(100, 10**6), st.floats(-1, 1))
def test_a_cosine_is_told_to_a_step_of_at_least_its_standard_error(points: int, value: float) -> None:
    card = sealed_card(points, value)
    told = redacted(card).metrics["cos"]
    assert told is not None
    assert step(points) * sqrt(points) >= 1 - 1e-12
    assert abs(told.value - value) <= step(points) / 2 + 1e-12
    assert len(f"{told.value}".removeprefix("-")) <= 4
    assert (told.low, told.high) == (None, None)


def test_what_is_missing_keeps_its_reason_and_the_command_line_shows_the_rest() -> None:
    told = redacted(sealed_card(1500, 0.3))
    shown = Console(file=io.StringIO(), width=200)
    shown.print(tables.scorecard(told))
    assert "0.3 " in shown.file.getvalue()  # type: ignore[attr-defined]
    assert "sealed; 1,500 points" in shown.file.getvalue()  # type: ignore[attr-defined]
    assert told.missing["dev"] == "the submission holds no potential"
    assert told.missing["l2"] == "kept back until the pair is revealed"
    assert "cos" not in told.missing


def test_no_figure_of_a_sealed_pair_s_points_is_told() -> None:
    """Whatever fields a scorecard has or will have: of all that measures the truth, only the rounded cosine is left."""
    full = sealed_card(1500, 0.3).model_copy(update={"plane": "0,0,1,0,1,0", "trivial": {"radial": 0.5}, "truth": True})
    told = redacted(full)
    public = {
        "pair",
        "pair_version",
        "pair_digest",
        "metric_version",
        "points",
        "missing",
        "control",
        "sealed",
        "resamples",
        "level",
    }
    left = {name for name in Scorecard.model_fields if name not in public and getattr(told, name) not in (None, False)}
    assert left == {"metrics"}


def test_ranks_compare_no_further_digits(
    client: TestClient, settings: Settings, made: Sealed, make_entry: Callable[..., Entry]
) -> None:
    recorded(settings, make_entry, user=None, low=0.8311, high=0.8312, best=0.9)

    def ranks(metric: str) -> dict[str, int | None]:
        rows = client.get(f"/v1/leaderboard?pair={NAME}&metric={metric}").json()["rows"]
        return {row["method"]: row["rank"] for row in rows}

    assert ranks("cos") == {"best": 1, "low": 2, "high": 2}  # the earlier first
    assert set(ranks("l2").values()) == {None}
    assert client.get("/v1/compare?a=low&b=high").json()["metrics"] == dict.fromkeys(METRICS)
    reveal(made.folder, made.truth)
    assert ranks("cos") == {"best": 1, "high": 2, "low": 3}


def test_scores_of_a_pair_that_is_gone_stay_rounded(
    client: TestClient, settings: Settings, made: Sealed, make_entry: Callable[..., Entry]
) -> None:
    recorded(settings, make_entry, low=0.8311)
    shutil.rmtree(made.folder)
    assert client.get("/v1/submissions/low").json()["scorecard"]["metrics"]["cos"]["value"] == 0.85
    assert client.get("/v1/leaderboard").json()["rows"][0]["metrics"]["cos"]["value"] == 0.85
