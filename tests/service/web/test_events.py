"""A job's stream says every change once, in order, goes on where a reader was, ends with the job, and is bounded in time."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from w1bench_server.admission_control import HOUSE, Places
from w1bench_server.jobs.job import Ended, Job, Progress, new_job
from w1bench_server.jobs.queue import Jobs
from w1bench_server.settings import Settings
from w1bench_server.web.api.events import Streams
from w1bench_server.web.app import create_app

PLACES = Places("streams of events", most=9, each=9, anonymous=9)


def queued(client: TestClient) -> tuple[Jobs, Job]:
    jobs: Jobs = client.app_state["service"].jobs
    return jobs, jobs.add(new_job("build", user="ann", pair="x", content="c", document="{}"))[0]


def read(client: TestClient, job: str, last: int | None = None) -> tuple[list[dict[str, Any]], str]:
    """The events of a stream until it ends, each with its id and name, and all of its text."""
    answer = client.get(f"/v1/jobs/{job}/events", headers={} if last is None else {"Last-Event-ID": str(last)})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-cache"
    return parsed(answer.text), answer.text


def parsed(text: str) -> list[dict[str, Any]]:
    """The events of a stream's text, each with its id and name."""
    blocks = [
        dict(line.split(": ", 1) for line in block.splitlines()) for block in text.split("\n\n") if "data" in block
    ]
    return [{**json.loads(block["data"]), "version": int(block["id"]), "name": block["event"]} for block in blocks]


def claimed(jobs: Jobs, job: Job) -> Job:
    """The job as a worker holds it."""
    running = jobs.claim(job.queue, "mine.1", most=1)
    assert running is not None
    return running


def followed(streams: Streams, job: Job, changes: Iterable[Callable[[], object]] = ()) -> list[bytes]:
    """The blocks of a stream until it ends; each change is made after the event of the one before."""

    async def follow() -> list[bytes]:
        blocks, following = list[bytes](), iter(changes)
        async for block in streams.events(job, 0, HOUSE):
            blocks.append(block)
            if b"event: " in block and (change := next(following, None)):
                await asyncio.to_thread(change)
        return blocks

    return asyncio.run(follow())


def test_a_stream_follows_a_job_to_its_end_and_on_from_where_a_reader_was(client: TestClient) -> None:
    jobs, job = queued(client)
    running = list[Job]()
    blocks = followed(
        Streams(jobs, 60, PLACES, look_seconds=0.01),
        job,
        [
            lambda: running.append(claimed(jobs, job)),
            lambda: jobs.advance(running[0], Progress(1, 2, "row")),
            lambda: jobs.advance(running[0], Progress(2, 2, "row")),
            lambda: jobs.end(running[0], Ended("succeeded", result="x")),
        ],
    )
    assert blocks[0].startswith(b"retry: ")
    events = parsed(b"".join(blocks).decode())
    assert [(event["name"], event["progress"] and event["progress"]["done"]) for event in events] == [
        ("queued", None), ("running", None), ("running", 1), ("running", 2), ("succeeded", 2),
    ]  # fmt: skip
    assert all(event["name"] == event["state"] for event in events)
    assert events[-1]["result"] == "/v1/pairs/x"
    versions = [event["version"] for event in events]
    assert versions == sorted(set(versions))
    assert read(client, job.id, versions[-2])[0] == events[-1:]
    assert client.get(f"/v1/jobs/{job.id}/events", headers={"Last-Event-ID": str(versions[-1])}).status_code == 204
    never = client.get(f"/v1/jobs/{job.id}/events", headers={"Last-Event-ID": str(versions[-1] + 1)})
    assert "event: succeeded" in never.text
    head = client.head(f"/v1/jobs/{job.id}/events")
    assert (head.status_code, head.content) == (200, b"")


def test_a_silent_stream_beats_and_ends_in_time(settings: Settings) -> None:
    with TestClient(create_app(settings.model_copy(update={"events_seconds": 1.0}))) as client:
        jobs, job = queued(client)
        begun = time.monotonic()
        events, _ = read(client, job.id)
        assert 1 <= time.monotonic() - begun < 10
        assert [event["state"] for event in events] == ["queued"]
        blocks = followed(Streams(jobs, 1.0, PLACES, look_seconds=0.01, heartbeat_seconds=0.1), job)
        assert blocks.count(b": still here\n\n") >= 3


@pytest.mark.parametrize(
    ("few", "status", "sentence"),
    [({"streams_per_client": 2}, 429, "You have 2 streams"), ({"streams": 3}, 503, "Too many streams")],
)
def test_streams_are_bounded_for_each_client_and_in_all(
    settings: Settings, is_problem: Any, few: dict[str, int], status: int, sentence: str
) -> None:
    with TestClient(create_app(settings.model_copy(update={"events_seconds": 5.0, **few}))) as client:
        _, job = queued(client)
        with ThreadPoolExecutor(3) as threads:
            answers = list(threads.map(lambda _: client.get(f"/v1/jobs/{job.id}/events"), range(3)))
        open_at_once, refused = ([a for a in answers if (a.status_code == 200) is ok] for ok in (True, False))
        assert len(open_at_once) == 2
        assert sentence in is_problem(refused[0], status)["detail"]
        assert client.get(f"/v1/jobs/{job.id}/events").status_code == 200


def test_nonsense_is_refused(client: TestClient, is_problem: Any) -> None:
    is_problem(client.get("/v1/jobs/nothing"), 404)
    is_problem(client.get("/v1/jobs/nothing/events"), 404)
    _, job = queued(client)
    for last in ("-1", "x", "9" * 10):
        is_problem(client.get(f"/v1/jobs/{job.id}/events", headers={"Last-Event-ID": last}), 422)


def test_a_result_is_a_path_also_where_there_is_a_public_url(settings: Settings) -> None:
    with TestClient(create_app(settings.model_copy(update={"public_url": "https://w1.example.org"}))) as client:
        jobs, job = queued(client)
        jobs.end(claimed(jobs, job), Ended("succeeded", result="x"))
        assert client.get(f"/v1/jobs/{job.id}").json()["result"] == "/v1/pairs/x"
