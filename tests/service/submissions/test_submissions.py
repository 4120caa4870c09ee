"""A submission is scored as it is, recorded once, or refused with a sentence and without a trace."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from sqlalchemy import Engine, event
from starlette.testclient import TestClient

from w1bench_server.database import connection as database
from w1bench_server.ledger.chain import check_chain
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.pairs.catalogue import PublishedPair
from w1bench_server.service import Service
from w1bench_server.settings import Settings
from w1bench_server.submissions.bodies import Bodies
from w1bench_server.web.app import create_app

DATABASES = ("sqlite", "postgresql")
URL = "/v1/submissions"
PAIR = "small-d2-n4-p8"
MINE = {"pair": PAIR, "method": "mine"}
Arrays = dict[str, Any]
Make = Callable[..., bytes]
Problem = Callable[[Any, int], dict[str, Any]]


def kept(settings: Settings) -> list[Path]:
    """What lies in the data folder besides the database and its name for itself."""
    files = [path for path in settings.data.rglob("*") if path.is_file() and path.name != "identity"]
    return [path for path in files if not path.name.startswith("w1bench.sqlite")]


@contextmanager
def watching(engine: Engine, name: str, listener: Callable[..., None]) -> Iterator[None]:
    """Have `listener` called at an event of SQLAlchemy's within the block."""
    event.listen(engine, name, listener)
    try:
        yield
    finally:
        event.remove(engine, name, listener)


def test_the_truth_scores_best_and_is_found_again(
    client: TestClient, settings: Settings, bearer: Callable[..., Any], pair: PublishedPair, truth: Arrays, h5: Make
) -> None:
    body = h5(truth)
    answer = client.post(URL, params=MINE, content=body, headers=bearer(settings))
    assert answer.status_code == 201
    row = answer.json()
    assert set(row) == {
        "id", "url", "pair", "pair_digest", "method", "user", "sha256", "bytes", "submitted_at", "scorecard", "reference",
        "earlier_scorecards", "findings", "metadata", "retraction",
    }  # fmt: skip
    assert (row["pair"], row["method"], row["user"], row["bytes"]) == (PAIR, "mine", "ann", len(body))
    assert row["sha256"] == hashlib.sha256(body).hexdigest()
    assert row["pair_digest"] == row["scorecard"]["pair_digest"] == pair.digest
    assert (row["reference"], row["earlier_scorecards"], row["retraction"]) == (False, [], None)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", row["submitted_at"])
    metrics = row["scorecard"]["metrics"]
    assert metrics["cos"]["value"] == pytest.approx(1, abs=1e-12)
    assert metrics["l2"]["value"] == pytest.approx(0, abs=1e-12)
    assert metrics["dev"]["value"] == pytest.approx(0, abs=1e-9)
    assert client.get(answer.headers["location"]).json() == row
    assert client.get(row["url"]).status_code == 200
    assert kept(settings) == [settings.data / "submissions" / row["sha256"][:2] / row["sha256"]]
    assert kept(settings)[0].read_bytes() == body


def test_its_negation_scores_worst(
    client: TestClient, settings: Settings, bearer: Callable[..., Any], truth: Arrays, npy: Make
) -> None:
    body = npy(-truth["gradient"].astype(np.float32))
    card = client.post(URL, params=MINE, content=body, headers=bearer(settings)).json()["scorecard"]
    assert card["metrics"]["cos"]["value"] == pytest.approx(-1, abs=1e-6)
    assert card["metrics"]["dev"] is None
    assert "input_potential" in card["missing"]["dev"]


def test_a_repetition_is_the_same_row(
    client: TestClient, settings: Settings, bearer: Callable[..., Any], truth: Arrays, npy: Make, is_problem: Problem
) -> None:
    ann, bob = bearer(settings, "ann"), bearer(settings, "bob")
    body, other = npy(truth["gradient"]), npy(2 * truth["gradient"])

    def post(content: bytes, headers: dict[str, str], method: str = "mine", key: str | None = None) -> Any:
        keyed = headers | ({"Idempotency-Key": key} if key else {})
        return client.post(URL, params={"pair": PAIR, "method": method}, content=content, headers=keyed)

    first = post(body, ann, key="k1")
    assert first.status_code == 201
    for again in (post(body, ann, key="k1"), post(body, ann), post(body, ann, key="k2")):
        assert (again.status_code, again.json()) == (200, first.json())
    for conflict in (post(other, ann, key="k1"), post(body, ann, method="another", key="k2")):
        assert "new key" in is_problem(conflict, 409)["detail"]
    of_bob = [post(body, bob, method="his"), post(other, bob, method="his", key="k1")]
    for new in (post(other, ann), post(body, ann, method="another"), *of_bob):
        assert new.status_code == 201
    assert len(kept(settings)) == 2  # one file a content
    assert list((settings.data / "incoming").iterdir()) == []


@pytest.mark.parametrize(
    "method", ["", "%20", "-x", "%3D1%2B1", "x" * 65, "na%C3%AFve", "a%0Ab", "a%00b", "x%20", "x%0A", "a%ED%A0%80"]
)
def test_strange_method_names_are_refused(
    shared: TestClient, shared_settings: Settings, bearer: Callable[..., Any], is_problem: Problem, method: str
) -> None:
    answer = shared.post(f"{URL}?pair={PAIR}&method={method}", content=b"", headers=bearer(shared_settings))
    assert is_problem(answer, 422)["errors"][0]["pointer"] == "#/query/method"


def test_keys_that_are_none_and_pairs_that_are_not_there(
    shared: TestClient, shared_settings: Settings, bearer: Callable[..., Any], is_problem: Problem
) -> None:
    headers = bearer(shared_settings)
    is_problem(shared.post(URL, params=MINE, headers=headers | {"Idempotency-Key": "x" * 129}), 422)
    is_problem(shared.post(URL, params=MINE | {"pair": "nothing"}, headers=headers), 404)
    is_problem(shared.post(URL, params=MINE | {"pair": "../x"}, headers=headers), 404)
    is_problem(shared.post(URL, params={"method": "mine"}, headers=headers), 422)
    is_problem(shared.get(f"{URL}/nothing"), 404)


def test_a_refused_body_is_named_and_leaves_nothing(
    shared: TestClient, shared_settings: Settings, bearer: Callable[..., Any], is_problem: Problem
) -> None:
    """Many more of them are in `support.hostile_files`."""
    for answer in (
        shared.post(URL, params=MINE, content=b"nonsense", headers=bearer(shared_settings)),
        shared.post("/v1/validate", params={"pair": PAIR}, content=b"nonsense"),
    ):
        assert is_problem(answer, 422)["errors"][0]["pointer"] == "#/body"
        assert str(shared_settings.data) not in answer.text
    assert kept(shared_settings) == []
    assert shared.get("/v1/leaderboard").json()["rows"] == []


def test_an_all_zero_entry_is_legal_also_compressed(
    client: TestClient, settings: Settings, bearer: Callable[..., Any], truth: Arrays
) -> None:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.create_dataset("gradient", data=0 * truth["gradient"], compression="gzip", shuffle=True, fletcher32=True)
    card = client.post(URL, params=MINE, content=stream.getvalue(), headers=bearer(settings)).json()["scorecard"]
    assert card["metrics"]["cos"]["value"] == 0
    assert card["diagnosis"]["zero_gradients"] == 1500


def test_twenty_at_once_lose_and_double_nothing(
    client: TestClient, settings: Settings, bearer: Callable[..., Any], truth: Arrays, npy: Make
) -> None:
    headers = bearer(settings)
    bodies = [npy(scale * truth["gradient"]) for scale in range(1, 11)] * 2

    def post(body: bytes) -> Any:
        return client.post(URL, params=MINE, content=body, headers=headers)

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(post, bodies))
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [201] * 10
    assert len({answer.json()["id"] for answer in answers}) == 10
    assert all(one.json() == two.json() for one, two in zip(answers[:10], answers[10:], strict=True))
    with database.opened(settings) as engine:
        rows = Ledger(engine).rows()
        records = Ledger(engine).records().values()
    assert {record.entry.sha256 for record in records} == {hashlib.sha256(body).hexdigest() for body in bodies}
    assert len(rows) == 10
    check_chain(rows)
    assert len(kept(settings)) == 10


def test_a_submission_has_the_writers_lock_twice_and_a_repetition_once(
    client: TestClient, settings: Settings, bearer: Callable[..., Any], truth: Arrays, npy: Make
) -> None:
    """Once to be admitted, once to be recorded; other writers wait for nothing else."""
    headers, body, locks = bearer(settings), npy(truth["gradient"]), list[str]()
    service: Service = client.app_state["service"]

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "BEGIN IMMEDIATE" in statement or "pg_advisory_xact_lock" in statement:
            locks.append(statement)

    with watching(service.ledger.engine, "before_cursor_execute", count):
        for status, taken in ((201, 2), (200, 3), (200, 4)):
            assert client.post(URL, params=MINE, content=body, headers=headers).status_code == status
            assert len(locks) == taken


def test_bodies_are_kept_in_a_bucket_and_a_row_only_where_the_body_is(
    settings: Settings, bearer: Callable[..., Any], truth: Arrays, npy: Make, bucket: str, is_problem: Problem
) -> None:
    body = npy(truth["gradient"])
    for url, status in ((f"{bucket}-that-is-not-there", 503), (f"{bucket}/{settings.data.parent.name}", 201)):
        elsewhere = settings.model_copy(update={"bodies_url": url})
        with TestClient(create_app(elsewhere), raise_server_exceptions=False) as client:
            answer = client.post(URL, params=MINE, content=body, headers=bearer(elsewhere))
            assert len(client.get("/v1/leaderboard").json()["rows"]) == (status == 201)
        if status == 503:
            assert "cannot be stored" in is_problem(answer, 503)["detail"]
            assert answer.headers["retry-after"]
        assert answer.status_code == status
        assert kept(settings) == []  # neither in the data folder, nor left among what was received
    with Bodies(settings.data, url).borrowed(answer.json()["sha256"]) as path:
        assert path.read_bytes() == body
