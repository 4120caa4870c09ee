"""The reveal of a sealed pair is a row of the ledger, and nothing is recorded after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from support.processes import wait_for
from support.recipes import Sealed
from support.sealed_round import NAME, arrays, recorded, round_settings
from support.servers import ended, serving, working
from w1bench.archive.commitment import REVEAL
from w1bench.archive.reveal import reveal
from w1bench.errors import SubmissionError
from w1bench_server.database import connection as database
from w1bench_server.ledger.chain import check_chain
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.ledger.records import Entry
from w1bench_server.pairs.catalogue import PublishedPairs
from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app

SCORED = f"/v1/submissions?pair={NAME}&method=mine"
Make = Callable[..., bytes]
Problem = Callable[[Any, int], dict[str, Any]]


@pytest.fixture
def settings(made: Sealed, tmp_path: Path) -> Settings:
    return round_settings(made, tmp_path / "data").model_copy(update={"own_worker": "none"})


def kinds(settings: Settings) -> list[str]:
    """The kinds of the ledger's rows, whose chain holds."""
    with database.opened(settings) as engine:
        rows = Ledger(engine).rows()
    check_chain(rows)
    return [row.kind for row in rows]


def test_a_body_that_is_held_until_the_reveal_is_refused(
    settings: Settings, made: Sealed, npy: Make, bearer: Callable[..., Any], is_problem: Problem
) -> None:
    """A request that began while the pair was sealed, and ends with the truth that everyone knows by then."""
    truth = npy(arrays(made, 0.0)["gradient"])

    def held() -> Iterator[bytes]:
        yield truth[:100]
        wait_for(lambda: any((settings.data / "incoming").iterdir()))  # the service is receiving the rest
        reveal(made.folder, made.truth)
        yield truth[100:]

    with serving(settings) as (_, client):
        answer = client.post(SCORED, content=held(), headers=bearer(settings))
        assert "the round is over" in is_problem(answer, 422)["detail"]
        assert client.get(f"/v1/leaderboard?pair={NAME}").json()["rows"] == []
    assert kinds(settings) == ["reveal"]


def test_a_job_that_is_not_scored_before_the_reveal_fails(
    settings: Settings, made: Sealed, npy: Make, bearer: Callable[..., Any]
) -> None:
    with TestClient(create_app(settings)) as client:
        body = npy(arrays(made, 0.2)["gradient"])
        job = client.post(SCORED, content=body, headers=bearer(settings)).json()["id"]
        reveal(made.folder, made.truth)
        with working(settings, "score"), working(settings.model_copy(update={"truth": made.truth})):
            row = ended(client, job)
    assert (row["state"], "the round is over" in row["reason"]) == ("failed", True)
    assert kinds(settings) == ["reveal"]


def test_the_row_decides_whatever_the_archive_says(
    settings: Settings, made: Sealed, npy: Make, bearer: Callable[..., Any], is_problem: Problem
) -> None:
    reveal(made.folder, made.truth)
    with TestClient(create_app(settings)):
        pass
    (made.folder / REVEAL).unlink()
    with TestClient(create_app(settings)) as client:
        assert client.get("/v1/pairs").json()["pairs"][0]["revealed"] is False
        answer = client.post(SCORED, content=npy(arrays(made, 0.2)["gradient"]), headers=bearer(settings))
        assert "the round is over" in is_problem(answer, 422)["detail"]
    assert kinds(settings) == ["reveal"]


def test_scores_are_completed_after_the_row_of_the_reveal(
    settings: Settings, made: Sealed, npy: Make, bearer: Callable[..., Any]
) -> None:
    with TestClient(create_app(settings)) as client:
        body = npy(arrays(made, 0.2)["gradient"])
        job = client.post(SCORED, content=body, headers=bearer(settings)).json()["id"]
        with working(settings.model_copy(update={"truth": made.truth})):
            row = client.get(ended(client, job)["result"]).json()
        reveal(made.folder, made.truth)
        assert client.post(SCORED, content=body, headers=bearer(settings)).json()["id"] == row["id"]
    with serving(settings) as (_, server):
        wait_for(lambda: server.get(f"/v1/submissions/{row['id']}").json()["earlier_scorecards"])
    assert kinds(settings) == ["submission", "reveal", "rescore"]


def test_the_ledger_refuses_what_comes_after_the_reveal_but_the_reference_rows(
    settings: Settings, made: Sealed, make_entry: Callable[..., Entry]
) -> None:
    recorded(settings, make_entry, before=0.1)
    pair = PublishedPairs(settings.archive).get(NAME)
    late = make_entry("late", pair=NAME, digest=pair.digest)
    with database.opened(settings) as engine:
        ledger = Ledger(engine)
        before = ledger.find("before")
        for _ in range(2):
            ledger.record_reveal(NAME, pair.digest)
        assert [(row.pair, row.event.at == row.at) for row in ledger.rows(after=1)] == [(NAME, True)]  # pyright: ignore[reportAttributeAccessIssue]
        with pytest.raises(SubmissionError, match="the round is over"):
            ledger.append(late)
        assert ledger.append(replace(before.entry, id="again")) == (before, False)
        assert ledger.append(replace(late, id="anew", pair_digest="e" * 64))[1]  # the pair of this name, built again
        assert ledger.append(replace(late, reference=True))[1]
        assert list(ledger.records()) == ["before", "anew", "late"]
        assert list(ledger.records(as_of=2)) == ["before"]
        assert Ledger(engine).records() == ledger.records()
