"""Every request is counted once, under the template of its address; strangers cannot make up new series."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text
from starlette.testclient import TestClient

from w1bench_server.database import connection as database
from w1bench_server.jobs.job import new_job
from w1bench_server.jobs.queue import Jobs
from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app

SUBMIT = "/v1/submissions?pair=small-d2-n4-p8&method=mine"


def samples(client: TestClient) -> dict[tuple[str, ...], float]:
    """Every figure by its name and labels."""
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.text)
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def test_requests_are_counted_by_template_and_status(client: TestClient) -> None:
    for path in (
        "/v1/pairs/a",
        "/v1/pairs/small-d2-n4-p8",
        "/v1/pairs/small-digits",
        "/x",
        "/y/z",
        "/static/style.css",
    ):
        client.get(path)
    client.request("BREW", "/v1/pairs")
    client.get("/v1/pairs", params={"cursor": "x" * 3000})
    found = samples(client)
    counted = {key[1:]: value for key, value in found.items() if key[0] == "w1bench_requests_total"}
    assert counted == {
        ("GET", "/v1/pairs/{name}", "404"): 1,
        ("GET", "/v1/pairs/{name}", "200"): 2,
        ("GET", "none", "404"): 2,
        ("GET", "/static", "200"): 1,
        ("other", "/v1/pairs", "405"): 1,
        ("GET", "none", "414"): 1,
    }
    assert found["w1bench_request_seconds_count", "GET", "/v1/pairs/{name}"] == 3
    assert 0 < found["w1bench_request_seconds_sum", "GET", "/v1/pairs/{name}"] < 60


def test_submissions_are_counted_by_what_became_of_them(
    settings: Settings, bearer: Callable[..., Any], truth: dict[str, Any], npy: Callable[..., bytes]
) -> None:
    ann, bodies = bearer(settings), [npy(scale * truth["gradient"]) for scale in (1, 2)]
    with TestClient(create_app(settings.model_copy(update={"daily_submissions": 1}))) as client:
        for body in (b"x", bodies[0], bodies[0], bodies[1]):
            client.post(SUBMIT, content=body, headers=ann)
        client.post(SUBMIT, content=b"x")
        found = samples(client)
    outcomes = {key[1]: value for key, value in found.items() if key[0] == "w1bench_submissions_total"}
    assert outcomes == {
        "recorded": 1, "repeated": 1, "refused": 1, "limited": 1, "rejected": 1, "busy": 0, "failed": 0, "queued": 0,
    }  # fmt: skip
    assert found[("w1bench_scoring_pending",)] == found[("w1bench_scoring_oldest_seconds",)] == 0


def test_two_apps_count_for_themselves(client: TestClient, shared: TestClient) -> None:
    client.get("/nothing")
    before = samples(shared).get(("w1bench_requests_total", "GET", "none", "404"), 0)
    client.get("/nothing")
    assert samples(shared).get(("w1bench_requests_total", "GET", "none", "404"), 0) == before
    assert samples(client)["w1bench_requests_total", "GET", "none", "404"] == 2


def test_jobs_are_counted_as_the_database_has_them(client: TestClient, settings: Settings) -> None:
    assert samples(client)["w1bench_jobs", "build", "queued"] == 0
    with database.opened(settings) as engine:  # another server's
        jobs = Jobs(engine)
        job, _ = jobs.add(new_job("build", user="ann", pair="x", content="c", document="{}"))
        found = samples(client)
        assert found["w1bench_jobs", "build", "queued"] == 1
        assert 0 <= found["w1bench_jobs_oldest_seconds", "build"] < 60
        jobs.claim(job.queue, "mine.1", most=1)
        assert samples(client)["w1bench_jobs", "build", "running"] == 1
        with database.writing(engine) as connection:
            connection.execute(text("ALTER TABLE jobs RENAME TO elsewhere"))
    found = samples(client)
    assert ("w1bench_jobs", "build", "running") not in found
    assert found["w1bench_requests_total", "GET", "/metrics", "200"] >= 3
