"""The tutorial's programs run as they stand, and all that the newcomer types is there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from newcomer.walk import INSTALL, PAGE, PAIR, archive, lines, programs, walk
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


def test_the_tutorial_runs(tmp_path: Path) -> None:
    """Every line but the installation, in this environment."""
    settings = Settings(
        archive=archive(tmp_path / "archive"), data=tmp_path / "data", port=0, min_free_bytes=0, own_worker="none"
    )
    settings.data.mkdir()
    token = create_token(settings, user="newcomer")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("W1BENCH_")}
    with serving(settings) as (_, http):
        environment |= {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "W1BENCH_SERVER": str(http.base_url),
            "W1BENCH_TOKEN": token, "XDG_CACHE_HOME": str(tmp_path / "cache"),
        }  # fmt: skip
        typed = list(walk(tmp_path, environment, without=(INSTALL,)))
    board = typed[-1][2]
    for method in ("energy by hand", "LP by hand", "cones by hand"):
        assert method in board
    for line, _, printed in typed:
        if line.startswith("python"):
            assert f"{PAIR}: cos 0." in printed, printed
            assert f"of newcomer on {PAIR}" in printed
