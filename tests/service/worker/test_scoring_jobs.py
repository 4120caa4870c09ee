"""A worker scores large submissions, and whatever is killed meanwhile, each is recorded once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from support.processes import descendants, wait_for
from support.servers import ended, serving, working
from w1bench.client.metadata import Metadata
from w1bench.client.service.connection import Service
from w1bench.client.service.submissions import submit_file
from w1bench.errors import SubmissionError
from w1bench_server.backup import backup, restore
from w1bench_server.database import connection as database
from w1bench_server.jobs.queue import Jobs
from w1bench_server.ledger.chain import check_chain
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app

DATABASES = ("sqlite", "postgresql")
PAIR = "small-d2-n4-p8"
MINE = {"pair": PAIR, "method": "mine"}
Arrays = dict[str, Any]
Make = Callable[..., bytes]
Left = Callable[[Settings], list[str]]


def test_a_large_submission_is_scored_as_a_job_and_its_row_is_that_of_a_small_one(
    service: TestClient,
    own: Settings,
    bearer: Callable[..., Any],
    truth: Arrays,
    npy: Make,
    is_problem: Any,
    left: Left,
) -> None:
    ann, body = bearer(own), npy(truth["gradient"])

    def post(content: bytes, key: str | None = None, method: str = "mine") -> Any:
        keyed = ann | ({"Idempotency-Key": key} if key else {})
        return service.post("/v1/submissions", params=MINE | {"method": method}, content=content, headers=keyed)

    first = post(body, "k")
    assert first.status_code == 202
    job = first.json()
    assert (job["queue"], job["pair"], job["state"], job["result"]) == ("score", PAIR, "queued", None)
    assert first.headers["location"] == f"/v1/jobs/{job['id']}"
    assert post(body).json() == post(body, "k").json() == job
    is_problem(post(body, "k", "another"), 409)
    bad = post(npy(truth["gradient"][:-1]))
    waiting = sorted(path.name for path in (own.data / "submissions" / "waiting").iterdir())
    assert waiting == sorted([job["id"], bad.json()["id"]])
    assert service.get("/v1/leaderboard").json()["rows"] == []
    with working(own, "score"):
        row = ended(service, job["id"])
        refused = ended(service, bad.json()["id"])
        wait_for(lambda: left(own) == [])  # the end is told before what the job left is removed
    assert (row["state"], row["result"]) == ("succeeded", f"/v1/submissions/{job['id']}")
    assert (refused["state"], refused["result"]) == ("failed", None)
    assert "shape" in refused["reason"]
    submitted = service.get(row["result"]).json()
    assert submitted["sha256"] == hashlib.sha256(body).hexdigest()
    for again in (post(body), post(body, "k")):
        assert (again.status_code, again.json()) == (200, submitted)
    is_problem(post(body, "k", "another"), 409)
    with TestClient(create_app(own.model_copy(update={"job_bytes": 1 << 20}))) as direct:
        answer = direct.post("/v1/submissions", params=MINE | {"method": "direct"}, content=body, headers=ann)
        assert answer.json()["scorecard"] == submitted["scorecard"]


def test_waiting_submissions_count_towards_the_quota(
    own: Settings, bearer: Callable[..., Any], truth: Arrays, npy: Make, is_problem: Any, left: Left
) -> None:
    ann = bearer(own)
    with TestClient(create_app(own.model_copy(update={"daily_submissions": 2}))) as client:

        def post(scale: float) -> Any:
            return client.post("/v1/submissions", params=MINE, content=npy(scale * truth["gradient"]), headers=ann)

        assert [post(scale).status_code for scale in (1, 2, 1)] == [202, 202, 202]
        is_problem(post(3), 429)
    assert len(left(own)) == 2  # the bodies that wait; not that of the third


def test_submit_waits_for_the_job_and_a_server_that_is_started_again(
    own: Settings, truth: Arrays, npy: Make, tmp_path: Path, bearer: Callable[..., Any]
) -> None:
    token = bearer(own)["Authorization"].split()[1]
    good, bad = tmp_path / "good.npy", tmp_path / "bad.npy"
    good.write_bytes(npy(truth["gradient"]))
    bad.write_bytes(npy(truth["gradient"][1:]))
    with serving(own.model_copy(update={"own_worker": "child"})) as (_, client):
        server = str(client.base_url)
        row = submit_file(Service(server, token), PAIR, good, method="mine", said=Metadata())
        assert row["scorecard"]["metrics"]["cos"]["value"] == pytest.approx(1)
        assert submit_file(Service(server, token), PAIR, good, method="mine", said=Metadata()) == row
        with pytest.raises(SubmissionError, match=r"did not score it: .*shape"):
            submit_file(Service(server, token), PAIR, bad, method="mine", said=Metadata())


def test_scoring_goes_on_after_kills_and_records_once(
    service: TestClient, own: Settings, bearer: Callable[..., Any], truth: Arrays, npy: Make, left: Left
) -> None:
    ann = bearer(own)
    bodies: list[bytes] = []
    jobs: list[str] = []
    often = own.model_copy(update={"job_attempts": 99})

    def begun() -> int:
        return sum(service.get(f"/v1/jobs/{job}").json()["attempts"] for job in jobs)

    for round_ in range(3):  # each with jobs of its own: a quick worker ends all that there are before it is killed
        new = [npy(scale * truth["gradient"]) for scale in range(8 * round_ + 1, 8 * round_ + 9)]
        bodies += new
        jobs += [service.post("/v1/submissions", params=MINE, content=body, headers=ann).json()["id"] for body in new]
        before = begun()
        with working(often, "score") as worker:
            wait_for(lambda: begun() > before)  # noqa: B023
            worker.kill()
    with working(often, "score"):
        rows = [ended(service, job) for job in jobs]
        wait_for(lambda: left(own) == [])  # the end is told before what the job left is removed
    assert {row["state"] for row in rows} == {"succeeded"}
    with database.opened(own) as engine:
        check_chain(Ledger(engine).rows())
        records = list(Ledger(engine).records().values())
    assert sorted(record.entry.id for record in records) == sorted(jobs)
    assert {record.entry.sha256 for record in records} == {hashlib.sha256(body).hexdigest() for body in bodies}


def test_a_submission_is_cancelled_before_it_is_begun_and_while_it_is_scored(
    service: TestClient, own: Settings, bearer: Callable[..., Any], truth: Arrays, npy: Make, left: Left
) -> None:
    ann, admin = bearer(own), bearer(own, scope="admin")

    def body(scale: float) -> bytes:
        return npy(scale * truth["gradient"])

    def post(scale: float) -> str:
        return service.post("/v1/submissions", params=MINE, content=body(scale), headers=ann).json()["id"]

    waiting, scored = post(1), post(2)
    assert service.post(f"/v1/jobs/{waiting}/cancel", headers=admin).json()["state"] == "cancelled"
    assert left(own) == [scored]
    with working(own, "score") as worker:
        assert ended(service, scored)["state"] == "succeeded"
        scorers = [psutil.Process(child.pid) for child in descendants(worker.pid)]
        for scorer in scorers:
            scorer.suspend()
        held = post(3)
        wait_for(lambda: service.get(f"/v1/jobs/{held}").json()["state"] == "running")
        assert service.post(f"/v1/jobs/{held}/cancel", headers=admin).json()["state"] == "running"
        for scorer in scorers:
            scorer.resume()
        row = ended(service, held)
        assert (row["state"], row["reason"], row["result"]) == ("cancelled", "It was cancelled.", None)
        assert [row["id"] for row in service.get("/v1/leaderboard").json()["rows"]] == [scored]
        wait_for(lambda: left(own) == [])
        assert [path.name for path in own.data.glob("submissions/*/*")] == [hashlib.sha256(body(2)).hexdigest()]
        assert ended(service, post(1))["state"] == "succeeded"


def test_what_a_pair_was_built_anew_under_is_not_scored(
    service: TestClient, own: Settings, bearer: Callable[..., Any], truth: Arrays, npy: Make, left: Left
) -> None:
    job = service.post("/v1/submissions", params=MINE, content=npy(truth["gradient"]), headers=bearer(own)).json()["id"]
    with database.opened(own) as engine, database.writing(engine) as connection:
        document = json.loads(Jobs(engine).find(job).document) | {"pair_digest": "0" * 64}
        connection.execute(text("UPDATE jobs SET document = :document"), {"document": json.dumps(document)})
    with working(own, "score"):
        row = ended(service, job)
        wait_for(lambda: left(own) == [])  # the end is told before what the job left is removed
    assert row["state"] == "failed"
    assert "made anew" in row["reason"]


def test_a_body_that_no_worker_finds_is_said(
    service: TestClient, own: Settings, bearer: Callable[..., Any], truth: Arrays, npy: Make
) -> None:
    job = service.post("/v1/submissions", params=MINE, content=npy(truth["gradient"]), headers=bearer(own)).json()["id"]
    (own.data / "submissions" / "waiting" / job).unlink()
    with working(own.model_copy(update={"job_attempts": 2}), "score"):
        row = ended(service, job)
    assert (row["state"], row["attempts"]) == ("failed", 2)
    assert "W1BENCH_BODIES_URL" in row["reason"]


def test_jobs_move_with_a_backup(
    service: TestClient, own: Settings, bearer: Callable[..., Any], truth: Arrays, npy: Make, tmp_path: Path,
    new_database: Callable[[str], str | None], left: Left
) -> None:  # fmt: skip
    body = npy(truth["gradient"])
    job: str = service.post("/v1/submissions", params=MINE, content=body, headers=bearer(own)).json()["id"]
    backup(own, tmp_path / "backup.tar")
    for kind in DATABASES:
        there = own.model_copy(update={"data": tmp_path / kind, "database_url": new_database(kind)})
        restore(there, tmp_path / "backup.tar")
        with working(there, "score"), database.opened(there) as engine:
            wait_for(lambda: not Jobs(engine).find(job).is_open)
            assert Jobs(engine).find(job).state == "succeeded"
            assert list(Ledger(engine).records()) == [job]
        assert left(there) == []
