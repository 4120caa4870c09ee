"""A service whose data folder is moved away stays without one: its workers make nothing in its place, and go on when it is back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.processes import descendants, wait_for
from support.recipes import small_recipe
from support.servers import ended, serving, working
from w1bench_server.settings import Settings

QUICK = small_recipe("quick")
WORKER = "worker.process import main"  # a server's own
AWAY_SECONDS = 3  # in which a worker looks half a dozen times


def moved_away(settings: Settings) -> Path:
    """Where the data folder is now, some seconds after it was moved."""
    aside = settings.data.with_name("aside")
    settings.data.rename(aside)
    time.sleep(AWAY_SECONDS)
    return aside


def lines_of(log: Path) -> list[str]:
    return log.read_text().splitlines()


def test_a_server_and_its_worker_make_nothing_in_the_place_of_their_data(
    own: Settings, bearer: Callable[..., Any], tmp_path: Path
) -> None:
    admin, log = bearer(own, scope="admin"), tmp_path / "log"
    with (
        log.open("w") as file,
        serving(own.model_copy(update={"own_worker": "child"}), errors=file) as (server, client),
    ):
        wait_for(lambda: len(list((own.data / "workers").glob("*/"))) == 1)
        aside = moved_away(own)
        assert client.get("/readyz").status_code == 503
        (worker,) = descendants(server.pid, WORKER)
        worker.kill()  # a new one is not started meanwhile
        time.sleep(AWAY_SECONDS)
        assert not own.data.exists()
        assert client.get("/readyz").status_code == 503
        aside.rename(own.data)
        assert client.get("/readyz").status_code == 200
        job = client.post("/v1/pairs", content=QUICK.canonical(), headers=admin).json()["id"]
        assert ended(client, job)["state"] == "succeeded"
    assert not (own.data / "data").exists()
    assert sum("no job is done" in line for line in lines_of(log)) == 2  # the worker's, and the server's own
    assert "Traceback" not in log.read_text()


def test_a_worker_beside_servers_makes_nothing_either(
    own: Settings, service: Any, bearer: Callable[..., Any], tmp_path: Path
) -> None:
    admin, log = bearer(own, scope="admin"), tmp_path / "log"
    with log.open("w") as file, working(own, "build", errors=file):
        aside = moved_away(own)
        assert not own.data.exists()
        aside.rename(own.data)
        job = service.post("/v1/pairs", content=QUICK.canonical(), headers=admin).json()["id"]
        assert ended(service, job)["state"] == "succeeded"
    said = [line for line in lines_of(log) if '"level": "error"' in line]
    assert len(said) == 1
    assert f"{own.data} was removed or replaced; no job is done until it is put back" in said[0]
    assert "Traceback" not in log.read_text()
