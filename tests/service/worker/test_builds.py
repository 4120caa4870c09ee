"""A worker builds pairs and scores large submissions, and whatever is killed meanwhile, each job ends once, and rightly."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
from sqlalchemy import create_engine, text
from starlette.testclient import TestClient

from support.files import assert_same
from support.recipes import SLOW, small_recipe
from support.servers import ended, serving, working
from w1bench.archive.catalogue import catalogue
from w1bench.builder.build import build
from w1bench.builder.verify import verify
from w1bench.client.http import submit_file
from w1bench.errors import InputError, MissingExtraError, SubmissionError
from w1bench.recipes.recipe import Recipe
from w1bench_server.database import connection as database
from w1bench_server.jobs.job import Job
from w1bench_server.jobs.table import Jobs
from w1bench_server.ledger.chain import check_chain
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app
from w1bench_server.worker import process as work
from w1bench_server.worker.queue import FILE, SCHEMA

DATABASES = ("sqlite", "postgresql")
PAIR = "small-d2-n4-p8"
MINE = {"pair": PAIR, "method": "mine"}
QUICK = small_recipe("quick")
WORKER = "worker.process import main"  # a server's own
LARGE = 1000  # bytes from which on a submission is a job
Arrays = dict[str, Any]
Make = Callable[..., bytes]


@pytest.fixture
def own(settings: Settings, archive: Path) -> Settings:
    """Settings of a service whose archive may be written."""
    folder = settings.data.parent / "archive"
    shutil.copytree(archive / PAIR, folder / PAIR)
    return settings.model_copy(update={"archive": folder, "job_bytes": LARGE})


@pytest.fixture
def service(own: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(own), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def ask(service: TestClient, own: Settings, bearer: Callable[..., Any]) -> Callable[[Recipe], str]:
    """Has a pair built; returns the job's id."""
    admin = bearer(own, scope="admin")

    def post(recipe: Recipe) -> str:
        answer = service.post("/v1/pairs", content=recipe.canonical(), headers=admin)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    return post


def until(holds: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)


def left(settings: Settings) -> list[str]:
    """What lies in the archive and the data besides what is to be there; the next worker buries a killed one."""
    files = [path for path in settings.data.rglob("*") if path.is_file() and "workers" not in path.parts]
    expected = ("w1bench.sqlite", FILE, ".serve.lock")
    found = [path.name for path in files if not path.name.startswith(expected) and "submissions" not in path.parts]
    found += [path.name for path in (settings.data / "submissions").glob("waiting/*")]
    return found + [path.name for path in settings.archive.iterdir() if path.name.endswith(".building")]


def below(process: int, program: str) -> list[psutil.Process]:
    """The processes that it, or one below it, runs a program in."""
    found: list[psutil.Process] = []
    for child in psutil.Process(process).children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            found += [child] if program in " ".join(child.cmdline()) else []
    return found


def builders(worker: int) -> list[psutil.Process]:
    return below(worker, "build_process import main")


def test_a_pair_is_built_and_published_without_a_restart(
    service: TestClient, own: Settings, ask: Callable[[Recipe], str], tmp_path: Path
) -> None:
    job = ask(QUICK)
    assert [pair["name"] for pair in service.get("/v1/pairs").json()["pairs"]] == [PAIR]
    with working(own, "build") as worker:
        row = ended(service, job)
        assert (row["state"], row["reason"], row["result"], row["attempts"]) == (
            "succeeded",
            None,
            "/v1/pairs/quick",
            1,
        )
        assert row["progress"]["done"] == row["progress"]["total"] > 0
        assert row["created_at"] <= row["started_at"] <= row["ended_at"]
        assert service.get(row["result"]).json()["recipe_sha256"] == QUICK.sha256()
        assert [pair["name"] for pair in service.get("/v1/pairs").json()["pairs"]] == ["quick", PAIR]
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0
    assert_same(own.archive / "quick", build(QUICK, tmp_path / "here"))
    assert left(own) == []


def test_a_large_submission_is_scored_as_a_job_and_its_row_is_that_of_a_small_one(
    service: TestClient, own: Settings, bearer: Callable[..., Any], truth: Arrays, npy: Make, is_problem: Any
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
    assert (row["state"], row["result"]) == ("succeeded", f"/v1/submissions/{job['id']}")
    assert (refused["state"], refused["result"]) == ("failed", None)
    assert "shape" in refused["reason"]
    submitted = service.get(row["result"]).json()
    assert submitted["sha256"] == hashlib.sha256(body).hexdigest()
    for again in (post(body), post(body, "k")):
        assert (again.status_code, again.json()) == (200, submitted)
    is_problem(post(body, "k", "another"), 409)
    assert left(own) == []
    with TestClient(create_app(own.model_copy(update={"job_bytes": 1 << 20}))) as direct:
        answer = direct.post("/v1/submissions", params=MINE | {"method": "direct"}, content=body, headers=ann)
        assert answer.json()["scorecard"] == submitted["scorecard"]


def test_waiting_submissions_count_towards_the_quota(
    own: Settings, bearer: Callable[..., Any], truth: Arrays, npy: Make, is_problem: Any
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
    with serving(own.model_copy(update={"worker": "child"})) as (_, client):
        server = str(client.base_url)
        row = submit_file(PAIR, good, method="mine", server=server, token=token)
        assert row["scorecard"]["metrics"]["cos"]["value"] == pytest.approx(1)
        assert submit_file(PAIR, good, method="mine", server=server, token=token) == row
        with pytest.raises(SubmissionError, match=r"did not score it: .*shape"):
            submit_file(PAIR, bad, method="mine", server=server, token=token)


@pytest.mark.parametrize("victim", ["worker", "builder"])
def test_a_build_goes_on_after_kills_and_gives_the_same_pair(
    service: TestClient, own: Settings, ask: Callable[[Recipe], str], victim: str, slow_pair: Path
) -> None:
    job, often = ask(SLOW), own.model_copy(update={"job_attempts": 99})
    shards = own.archive / f".{SLOW.name}.building" / "shards"
    for stored in (1, 4, 12):
        with working(often, "build") as worker:
            until(lambda: builders(worker.pid) != [] and len(list(shards.glob("*.npz"))) >= stored)  # noqa: B023
            old = builders(worker.pid)
            if victim == "worker":
                worker.kill()
                assert psutil.wait_procs(old, timeout=10)[1] == []  # the process that built ends with it
            else:
                old[0].kill()
                until(lambda: [new.pid for new in builders(worker.pid)] not in ([], [old[0].pid]))  # noqa: B023
    with working(often, "build"):
        row = ended(service, job)
    assert row["state"] == "succeeded", row
    assert row["attempts"] >= 4
    assert all(figure.holds for figure in verify(own.archive / SLOW.name))
    assert_same(own.archive / SLOW.name, slow_pair)
    assert [entry.name for entry in catalogue(own.archive)] == [SLOW.name, PAIR]
    assert left(own) == []


def test_a_build_whose_process_dies_each_time_has_failed_and_leaves_nothing(
    service: TestClient, own: Settings, ask: Callable[[Recipe], str]
) -> None:
    job = ask(SLOW)
    with working(own.model_copy(update={"job_attempts": 2}), "build") as worker:
        while not service.get(f"/v1/jobs/{job}").json()["ended_at"]:
            for builder in builders(worker.pid):
                builder.kill()
            time.sleep(0.05)
    row = service.get(f"/v1/jobs/{job}").json()
    assert (row["state"], row["reason"], row["attempts"]) == ("failed", "Its worker died 2 times.", 2)
    until(lambda: left(own) == [])
    assert not (own.archive / SLOW.name).exists()
    assert service.app_state["service"].jobs.open() == []


def test_a_running_build_is_cancelled_and_another_may_take_its_name(
    service: TestClient, own: Settings, ask: Callable[[Recipe], str], bearer: Callable[..., Any]
) -> None:
    job, admin = ask(SLOW), bearer(own, scope="admin")
    with working(own, "build") as worker:
        until(lambda: (service.get(f"/v1/jobs/{job}").json()["progress"] or {"done": 0})["done"] > 0)
        assert builders(worker.pid)[0].nice() >= 10
        assert service.post(f"/v1/jobs/{job}/cancel", headers=admin).json()["state"] == "running"
        row = ended(service, job)
        assert (row["state"], row["reason"]) == ("cancelled", "It was cancelled.")
        until(lambda: left(own) == [] and builders(worker.pid) == [])
        again = ask(small_recipe(SLOW.name))
        assert ended(service, again)["state"] == "succeeded"
        assert service.post(f"/v1/jobs/{again}/cancel", headers=admin).json()["state"] == "succeeded"


def test_a_build_that_takes_too_long_has_failed(
    service: TestClient, own: Settings, ask: Callable[[Recipe], str]
) -> None:
    job = ask(SLOW)
    with working(own.model_copy(update={"build_seconds": 0.1}), "build"):
        row = ended(service, job)
    assert (row["state"], row["attempts"]) == ("failed", 1)
    assert "longer than 0.1 s" in row["reason"]
    assert left(own) == []


def test_nothing_is_built_where_there_is_no_room(
    service: TestClient, own: Settings, ask: Callable[[Recipe], str]
) -> None:
    job = ask(QUICK)
    with working(own.model_copy(update={"min_free_bytes": 1 << 60, "job_attempts": 2}), "build"):
        row = ended(service, job)
    assert (row["state"], row["attempts"]) == ("failed", 2)
    assert "disk is full" in row["reason"]
    assert left(own) == []


def test_a_worker_that_is_told_to_stop_hands_its_build_back(
    service: TestClient, own: Settings, ask: Callable[[Recipe], str]
) -> None:
    job = ask(SLOW)
    with working(own, "build") as worker:
        until(lambda: (service.get(f"/v1/jobs/{job}").json()["progress"] or {"done": 0})["done"] > 0)
        worker.send_signal(signal.SIGINT)
        assert worker.wait(20) == 0
    row = service.get(f"/v1/jobs/{job}").json()
    assert (row["state"], row["attempts"]) == ("queued", 0)
    with working(own, "build"):
        assert ended(service, job)["attempts"] == 1


def test_scoring_goes_on_after_kills_and_records_once(
    service: TestClient, own: Settings, bearer: Callable[..., Any], truth: Arrays, npy: Make
) -> None:
    ann = bearer(own)
    bodies = [npy(scale * truth["gradient"]) for scale in range(1, 9)]
    jobs = [service.post("/v1/submissions", params=MINE, content=body, headers=ann).json()["id"] for body in bodies]
    often = own.model_copy(update={"job_attempts": 99})

    def begun() -> int:
        return sum(service.get(f"/v1/jobs/{job}").json()["attempts"] for job in jobs)

    for _ in range(3):
        before = begun()
        with working(often, "score") as worker:
            until(lambda: begun() > before)  # noqa: B023
            worker.kill()
    with working(often, "score"):
        rows = [ended(service, job) for job in jobs]
    assert {row["state"] for row in rows} == {"succeeded"}
    with database.opened(own) as engine:
        check_chain(Ledger(engine).rows())
        records = list(Ledger(engine).records().values())
    assert sorted(record.entry.id for record in records) == sorted(jobs)
    assert {record.entry.sha256 for record in records} == {hashlib.sha256(body).hexdigest() for body in bodies}
    assert left(own) == []


SLOWLY = """
import time
import w1bench_server.worker.runner as doing
score = doing.score_and_record
async def later(*given, **others):
    time.sleep(2)
    return await score(*given, **others)
doing.score_and_record = later
"""


def test_a_submission_is_cancelled_before_it_is_begun_and_while_it_is_scored(
    service: TestClient, own: Settings, bearer: Callable[..., Any], truth: Arrays, npy: Make
) -> None:
    ann, admin = bearer(own), bearer(own, scope="admin")
    bodies = [npy(scale * truth["gradient"]) for scale in (1, 2)]
    first, second = (
        service.post("/v1/submissions", params=MINE, content=body, headers=ann).json()["id"] for body in bodies
    )
    assert service.post(f"/v1/jobs/{first}/cancel", headers=admin).json()["state"] == "cancelled"
    assert left(own) == [second]
    with working(own, "score", before=SLOWLY):
        until(lambda: service.get(f"/v1/jobs/{second}").json()["state"] == "running")
        assert service.post(f"/v1/jobs/{second}/cancel", headers=admin).json()["state"] == "running"
        row = ended(service, second)
    assert (row["state"], row["reason"], row["result"]) == ("cancelled", "It was cancelled.", None)
    assert service.get("/v1/leaderboard").json()["rows"] == []
    assert list(own.data.glob("submissions/*/*")) == []
    again = service.post("/v1/submissions", params=MINE, content=bodies[0], headers=ann).json()["id"]
    with working(own, "score"):
        assert ended(service, again)["state"] == "succeeded"


def test_a_server_that_is_killed_has_its_jobs_done_by_the_next(
    own: Settings, bearer: Callable[..., Any], truth: Arrays, npy: Make
) -> None:
    ann, admin = bearer(own), bearer(own, scope="admin")
    with_worker = own.model_copy(update={"worker": "child"})

    def broken_off() -> Iterator[bytes]:
        yield npy(truth["gradient"])[:LARGE]
        until(lambda: list((own.data / "incoming").iterdir()) != [])
        server.kill()
        yield bytes(10)

    with serving(with_worker) as (server, client):
        build = client.post("/v1/pairs", content=QUICK.canonical(), headers=admin).json()["id"]
        scored = client.post("/v1/submissions", params=MINE, content=npy(truth["gradient"]), headers=ann).json()["id"]
        children = psutil.Process(server.pid).children(recursive=True)
        with pytest.raises(httpx2.TransportError):
            client.post("/v1/submissions", params=MINE, content=broken_off(), headers=ann)
        assert psutil.wait_procs(children, timeout=20)[1] == []  # the worker, and what it started
    with serving(with_worker) as (_, client):
        assert [ended(client, job)["state"] for job in (build, scored)] == ["succeeded"] * 2
        assert [row["id"] for row in client.get("/v1/leaderboard").json()["rows"]] == [scored]
        assert len(client.get("/v1/jobs", headers=admin).json()["jobs"]) == 2
    assert list((own.data / "incoming").iterdir()) == []


def test_a_servers_worker_is_started_again(own: Settings, bearer: Callable[..., Any]) -> None:
    with serving(own.model_copy(update={"worker": "child"})) as (server, client):
        until(lambda: len(below(server.pid, WORKER)) == 1)
        first = below(server.pid, WORKER)[0]
        first.kill()
        until(lambda: [worker.pid for worker in below(server.pid, WORKER)] not in ([], [first.pid]))
        job = client.post("/v1/pairs", content=QUICK.canonical(), headers=bearer(own, scope="admin")).json()["id"]
        assert ended(client, job)["state"] == "succeeded"
        last = below(server.pid, WORKER)
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
        assert psutil.wait_procs(last, timeout=1)[1] == []


def test_jobs_of_a_version_that_is_no_more_are_done(
    service: TestClient, own: Settings, ask: Callable[[Recipe], str]
) -> None:
    other = "import w1bench_server.worker.queue as q; q._VERSION = 'of before'; "
    running, waiting = ask(SLOW), ask(QUICK)
    with working(own, "build", before=other):
        until(lambda: service.get(f"/v1/jobs/{running}").json()["state"] == "running")
        time.sleep(1.5)  # so that the other was handed to the queue, too
    assert {version for _, version in handed(own)} == {"of before"}
    assert len(handed(own)) == 2
    with working(own, "build"):
        assert [ended(service, job)["state"] for job in (running, waiting)] == ["succeeded"] * 2
        until(lambda: handed(own) == [])  # what is done is forgotten


def handed(settings: Settings) -> list[tuple[str, str]]:
    """What DBOS has, each with its application version."""
    sqlite = settings.database.get_backend_name() == "sqlite"
    engine = create_engine(f"sqlite:///{settings.data / FILE}" if sqlite else settings.database)
    with engine.connect() as connection:
        table = "workflow_status" if sqlite else f"{SCHEMA}.workflow_status"
        rows = connection.execute(text(f"SELECT workflow_uuid, application_version FROM {table}")).all()
    engine.dispose()
    return [(row[0], row[1]) for row in rows]


LOSING = """
import dbos._queue
import w1bench_server.worker.queue
w1bench_server.worker.queue._CLAIMED_SECONDS = 1.0
execute, lost = dbos._queue.execute_dequeued_workflow, []
def lose(dbos, status, owner_xid):
    if not lost:
        lost.append(status)
        raise OSError("the database went away in between")
    return execute(dbos, status, owner_xid)
dbos._queue.execute_dequeued_workflow = lose
"""


def test_a_job_that_a_worker_claimed_and_then_lost_is_handed_over_again(
    service: TestClient, own: Settings, ask: Callable[[Recipe], str]
) -> None:
    job = ask(QUICK)
    with working(own, "build", before=LOSING):
        row = ended(service, job)
    assert (row["state"], row["attempts"]) == ("succeeded", 1)


def test_what_a_pair_was_built_anew_under_is_not_scored(
    service: TestClient, own: Settings, bearer: Callable[..., Any], truth: Arrays, npy: Make
) -> None:
    job = service.post("/v1/submissions", params=MINE, content=npy(truth["gradient"]), headers=bearer(own)).json()["id"]
    with database.opened(own) as engine, database.writing(engine) as connection:
        document = json.loads(Jobs(engine).find(job).document) | {"pair_digest": "0" * 64}
        connection.execute(text("UPDATE jobs SET document = :document"), {"document": json.dumps(document)})
    with working(own, "score"):
        row = ended(service, job)
    assert row["state"] == "failed"
    assert "made anew" in row["reason"]
    assert left(own) == []


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
    new_database: Callable[[str], str | None],
) -> None:  # fmt: skip
    from w1bench_server.backup import backup, restore

    body = npy(truth["gradient"])
    job: str = service.post("/v1/submissions", params=MINE, content=body, headers=bearer(own)).json()["id"]
    backup(own, tmp_path / "backup.tar")
    for kind in DATABASES:
        there = own.model_copy(update={"data": tmp_path / kind, "database_url": new_database(kind)})
        restore(there, tmp_path / "backup.tar")
        with working(there, "score"), database.opened(there) as engine:
            until(lambda: not found(engine, job).is_open)
            assert found(engine, job).state == "succeeded"
            assert list(Ledger(engine).records()) == [job]
        assert left(there) == []


def found(engine: Any, job: str) -> Job:
    return Jobs(engine).find(job)


def test_a_cluster_that_does_not_answer_is_asked_again_and_then_said(
    service: TestClient, own: Settings, ask: Callable[[Recipe], str]
) -> None:
    job = ask(QUICK)
    with working(own.model_copy(update={"ray_address": "127.0.0.1:9", "job_attempts": 2}), "build"):
        row = ended(service, job)
    assert (row["state"], row["attempts"]) == ("failed", 2)
    assert row["reason"] == "The cluster that builds cannot be reached, or lost its machines."
    assert left(own) == []


def test_a_worker_without_what_builds_says_so(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_NEEDED", ("torch", "a_library_that_is_not_there"))
    with pytest.raises(MissingExtraError, match="extra `torch`.*leave --queue build out"):
        work.work(own, ["build"])
    with pytest.raises(InputError, match="There is no queue 'bake'; there are: build, score"):
        work.work(own, ["bake"])
