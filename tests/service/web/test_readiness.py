"""A service says of each thing it needs whether it has it; one that is missing turns readiness, and says which."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from starlette.testclient import TestClient

from support.processes import wait_for
from w1bench_server.database import connection as database
from w1bench_server.database.tables import tokens
from w1bench_server.jobs.job import new_job
from w1bench_server.jobs.queue import Jobs
from w1bench_server.sandbox.confinement import account_of
from w1bench_server.sandbox.hdf5_jail import Jail
from w1bench_server.service import Service
from w1bench_server.settings import Settings
from w1bench_server.submissions.bodies import Bodies, Reach
from w1bench_server.web.app import create_app
from w1bench_server.web.health.readiness import checks

NAMES = ["archive", "database", "bodies", "disk", "scoring", "jail", "jobs", "fixity"]


def test_each_need_has_its_line(client: TestClient, settings: Settings) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert [check["name"] for check in answer.json()["checks"]] == NAMES
    assert all(check["ok"] and check["detail"].endswith(".") for check in answer.json()["checks"])
    with database.opened(settings) as engine, engine.connect() as connection:
        assert connection.execute(select(tokens)).all() == []


def test_a_full_disk_is_said(settings: Settings, is_problem: Callable[..., Any]) -> None:
    with TestClient(create_app(settings.model_copy(update={"min_free_bytes": 1 << 62}))) as client:
        assert [e["pointer"] for e in is_problem(client.get("/readyz"), 503)["errors"]] == ["#/disk"]
        assert client.get("/livez").status_code == 200


def test_a_data_folder_that_is_gone_is_said(
    client: TestClient, settings: Settings, is_problem: Any, bearer: Callable[..., Any], truth: dict[str, Any], npy: Any
) -> None:
    url, headers, body = "/v1/submissions?pair=small-d2-n4-p8&method=mine", bearer(settings), npy(truth["gradient"])
    settings.data.rename(settings.data.with_name("aside"))
    pointers = [e["pointer"] for e in is_problem(client.get("/readyz"), 503)["errors"]]
    assert {"#/bodies", "#/disk"} <= set(pointers)
    assert "/readyz" in is_problem(client.post("/v1/validate?pair=small-d2-n4-p8", content=body), 503)["detail"]
    is_problem(client.post(url, content=body, headers=headers), 503)
    settings.data.with_name("aside").rename(settings.data)
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("job_bytes", [1 << 20, 1])  # scored at once, and by a worker
def test_a_folder_of_bodies_that_is_gone_is_said_and_not_made_anew(
    settings: Settings, tmp_path: Path, is_problem: Any, bearer: Callable[..., Any], truth: dict[str, Any], npy: Any,
    job_bytes: int,
) -> None:  # fmt: skip
    url, body = "/v1/submissions?pair=small-d2-n4-p8&method=mine", npy(truth["gradient"])
    place, aside = tmp_path / "bodies", tmp_path / "aside"
    own = settings.model_copy(update={"bodies_url": str(place), "job_bytes": job_bytes})
    with TestClient(create_app(own), raise_server_exceptions=False) as client:
        place.rename(aside)
        for emptied in (False, True):  # as where a disk is no longer mounted
            (problem,) = is_problem(client.get("/readyz"), 503)["errors"]
            assert (problem["pointer"], str(tmp_path) in problem["detail"]) == ("#/bodies", False)
            assert "cannot be stored" in is_problem(client.post(url, content=body, headers=bearer(own)), 503)["detail"]
            assert place.exists() == emptied
            place.mkdir(exist_ok=True)
        place.rmdir()
        aside.rename(place)
        assert client.get("/readyz").status_code == 200
        assert client.post(url, content=body, headers=bearer(own)).status_code in (201, 202)


def test_a_bucket_of_bodies_that_is_gone_is_said_and_asked_now_and_then(
    settings: Settings, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = settings.model_copy(update={"bodies_url": f"{bucket}/{settings.data.parent.name}"})
    with TestClient(create_app(own)) as client:
        assert client.get("/readyz").status_code == 200
        Bodies(own.data, own.bodies_url).kept.clear()
        assert client.get("/readyz").status_code == 200
        service: Service = client.app_state["service"]
        assert (
            Reach(service.bodies).fault()
            == "The place of bodies is gone, or is another one: it has no file `identity`."
        )
        monkeypatch.setattr(Bodies, "has_owner", lambda _: time.sleep(2) or True)
        monkeypatch.setattr("w1bench_server.submissions.bodies._PATIENCE_SECONDS", 0.01)
        slow = Reach(service.bodies)
        assert slow.fault() == slow.fault() == "The place of bodies does not answer."
        wait_for(lambda: slow.fault() is None)


def test_a_missing_archive_is_said(settings: Settings, archive: Path, tmp_path: Path, is_problem: Any) -> None:
    copied = shutil.copytree(archive / "small-d2-n4-p8", tmp_path / "archive" / "small-d2-n4-p8").parent
    with TestClient(create_app(settings.model_copy(update={"archive": copied}))) as client:
        assert client.get("/readyz").status_code == 200
        shutil.rmtree(copied)
        assert "#/archive" in [e["pointer"] for e in is_problem(client.get("/readyz"), 503)["errors"]]


def test_a_database_that_cannot_be_written_is_said(client: TestClient, settings: Settings, is_problem: Any) -> None:
    with database.opened(settings) as engine, database.writing(engine) as connection:
        connection.execute(text("ALTER TABLE tokens RENAME TO elsewhere"))
    assert [e["pointer"] for e in is_problem(client.get("/readyz"), 503)["errors"]] == ["#/database"]
    with database.opened(settings) as engine, database.writing(engine) as connection:
        connection.execute(text("DROP TABLE IF EXISTS tokens"))
        connection.execute(text("ALTER TABLE elsewhere RENAME TO tokens"))
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("replaced", [False, True])
def test_a_database_file_that_is_gone_takes_nothing_and_is_said(
    client: TestClient, settings: Settings, bearer: Callable[..., Any], truth: dict[str, Any], npy: Any, is_problem: Any,
    replaced: bool,
) -> None:  # fmt: skip
    """The server still has the file that was removed, and a row there would be lost when it ends."""
    url, headers, body = "/v1/submissions?pair=small-d2-n4-p8&method=mine", bearer(settings), npy(truth["gradient"])
    file, aside = settings.data / "w1bench.sqlite", settings.data / "aside"
    file.rename(aside)
    if replaced:
        shutil.copy(aside, file)
    is_problem(client.post(url, content=body, headers=headers), 503)
    (problem,) = is_problem(client.get("/readyz"), 503)["errors"]
    assert (problem["pointer"], "removed or replaced" in problem["detail"]) == ("#/database", True)
    aside.replace(file)
    assert client.post(url, content=body, headers=headers).status_code == 201
    assert client.get("/readyz").status_code == 200


class Waiting:
    """A scorer with so many uploads, the oldest of so many seconds, and a jail of these layers."""

    def __init__(self, pending: int, oldest_seconds: float, layers: tuple[str, ...] = ()) -> None:
        self.pending, self.oldest_seconds, self.layers = pending, oldest_seconds, layers


@pytest.mark.parametrize(
    ("pending", "oldest", "ok"), [(0, 0, True), (5, 899, True), (5, 901, False), (66, 1, False), (65, 1, True)]
)
def test_uploads_that_wait_too_long_are_said(
    client: TestClient, settings: Settings, pending: int, oldest: float, ok: bool
) -> None:
    service: Service = client.app_state["service"]
    waiting = Service(**{**vars(service), "scorer": Waiting(pending, oldest)})
    found = {check.name: check for check in checks(waiting)}
    assert found["scoring"].ok is ok
    assert all(check.ok for name, check in found.items() if name != "scoring")


@pytest.mark.parametrize(
    ("layers", "detail"),
    [
        ((), "HDF5 uploads are read under limits alone; not in force here: user, landlock, seccomp."),
        (("landlock", "seccomp"), "HDF5 uploads are read under landlock, seccomp; not in force here: user."),
        (
            ("user", "landlock", "seccomp"),
            "HDF5 uploads are read under user, landlock, seccomp; every layer is in force.",
        ),
    ],
)
def test_the_layers_of_the_jail_are_said(client: TestClient, layers: tuple[str, ...], detail: str) -> None:
    service: Service = client.app_state["service"]
    found = checks(Service(**{**vars(service), "scorer": Waiting(0, 0, layers)}))
    assert [(check.ok, check.detail) for check in found if check.name == "jail"] == [(True, detail)]


def test_the_service_knows_the_layers_of_its_jail(client: TestClient) -> None:
    jail = Jail(account_of("nobody"))
    layers = jail.layers
    jail.close()
    (said,) = (each["detail"] for each in client.get("/readyz").json()["checks"] if each["name"] == "jail")
    assert said.startswith(f"HDF5 uploads are read under {', '.join(layers) or 'limits alone'};")


def test_submissions_that_wait_too_long_for_a_worker_are_said_and_pairs_may(
    client: TestClient, is_problem: Any
) -> None:
    jobs: Jobs = client.app_state["service"].jobs
    for queue in ("build", "score"):
        found = client.get("/readyz").json()["checks"]
        assert "build: " in next(check["detail"] for check in found if check["name"] == "jobs")
        old = new_job(queue, user="ann", pair="x", content=queue, document="{}")
        jobs.add(replace(old, created_at="2020-01-01T00:00:00.000+00:00"))
    (problem,) = is_problem(client.get("/readyz"), 503)["errors"]
    assert problem["pointer"] == "#/jobs"
    assert "score: 1 queued, 0 running" in problem["detail"]
