"""The tutorial's programs run as they stand, and all that the newcomer types is there."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from newcomer.walk import CURL, INSTALL, PAGE, PAIR, archive, lines, programs, walk
from support.servers import serving
from w1bench_server.settings import Settings
from w1bench_server.web.auth.tokens import create_token


def test_the_page_has_a_program_for_each_line_that_runs_one() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert lines(page)[0] == INSTALL
    assert [line.split()[1] for line in lines(page) if line.startswith("python ")] == list(programs(page))
    assert list(programs(page)) == ["critic_numpy.py", "critic_torch.py", "critic_jax.py"]
    for program in programs(page).values():
        assert len([line for line in program.splitlines() if line.strip()]) <= 24


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """That of a newcomer with a token and a service that has the pair."""
    tmp_path = tmp_path_factory.mktemp("newcomer")
    settings = Settings(
        archive=archive(tmp_path / "archive"), data=tmp_path / "data", port=0, min_free_bytes=0, own_worker="none"
    )
    settings.data.mkdir()
    token = create_token(settings, user="newcomer")
    own = {name: value for name, value in os.environ.items() if not name.startswith("W1BENCH_")}
    with serving(settings) as (_, http):
        address = str(http.base_url).rstrip("/")
        yield own | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "W1BENCH_SERVER": address, "SERVER": address,
            "W1BENCH_TOKEN": token, "TOKEN": token, "XDG_CACHE_HOME": str(tmp_path / "cache"),
        }  # fmt: skip


def test_the_tutorial_runs(tmp_path: Path, environment: dict[str, str]) -> None:
    """Every line but the installation, in this environment."""
    typed = list(walk(tmp_path, environment, without=(INSTALL,)))
    board = typed[-1][2]
    for method in ("energy by hand", "LP by hand", "cones by hand"):
        assert method in board
    for line, _, printed in typed:
        if line.startswith("python"):
            assert f"{PAIR}: cos 0." in printed, printed
            assert f"of newcomer on {PAIR}" in printed


def test_the_tutorial_with_curl_runs(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "critic.py").write_text(programs(CURL.read_text(encoding="utf-8"))["critic.py"], encoding="utf-8")
    *_, (_, _, dry), (_, _, row), (_, _, board) = walk(tmp_path, environment, of=CURL)
    assert json.loads(dry)["arrays"]["gradient"] == [1000, 2]
    assert json.loads(row)["scorecard"]["metrics"]["cos"]["value"] == pytest.approx(
        json.loads(row)["scorecard"]["trivial"]["shift"], abs=0.1
    )
    assert "mean-direction" in board
