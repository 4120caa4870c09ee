"""Submissions to a sealed pair are scored by a process that has the truth, and by no other."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from support.recipes import Sealed
from support.sealed_round import NAME, arrays, round_settings, score_sealed
from support.servers import ended, working
from w1bench.archive.reveal import reveal
from w1bench.errors import CheckFailedError, InputError, PairError, SubmissionError
from w1bench_server.sandbox import scorer as scoring
from w1bench_server.settings import Settings
from w1bench_server.web.serve import serve
from w1bench_server.worker.process import work

SCORED = f"/v1/submissions?pair={NAME}&method=mine"
Make = Callable[..., bytes]
Problem = Callable[[Any, int], dict[str, Any]]


@pytest.fixture
def settings(made: Sealed, tmp_path: Path) -> Settings:
    return round_settings(made, tmp_path / "data")


def test_the_service_itself_cannot_score_on_it(
    client: TestClient, settings: Settings, made: Sealed, npy: Make, bearer: Callable[..., Any], is_problem: Problem
) -> None:
    gradient = arrays(made, 0.2)["gradient"]
    body = npy(gradient)
    assert client.post(f"/v1/validate?pair={NAME}", content=body).status_code == 200
    for wrong in (b"nonsense", npy(gradient[:-1]), npy(np.where(gradient > 0, gradient, np.nan))):
        is_problem(client.post(SCORED, content=wrong, headers=bearer(settings)), 422)
    assert client.app_state["service"].jobs.page(limit=9) == []
    job = client.post(SCORED, content=body, headers=bearer(settings)).json()["id"]
    with working(settings, "score"):  # without the truth
        time.sleep(2)
        assert client.get(f"/v1/jobs/{job}").json()["state"] == "queued"
    assert client.post(SCORED, content=body, headers=bearer(settings)).json()["id"] == job
    with pytest.raises(InputError, match="need their truth"):
        work(settings, ["sealed"])
    elsewhere = made.truth.parent / "elsewhere"
    elsewhere.mkdir()
    with working(settings.model_copy(update={"truth": elsewhere})):  # that of other pairs
        time.sleep(5)
        row = client.get(f"/v1/jobs/{job}").json()
        assert row["state"] in ("queued", "running")
        assert row["attempts"] <= 1
        with working(settings.model_copy(update={"truth": made.truth})):
            assert ended(client, job)["state"] == "succeeded"
    settings.data.joinpath("incoming").mkdir(exist_ok=True)
    assert list((settings.data / "incoming").iterdir()) == []
    (settings.data / "upload").write_bytes(body)

    async def score() -> None:
        async with scoring.started(settings) as scorer:
            await scorer.score(made.folder, settings.data / "upload")

    with pytest.raises(PairError, match="is sealed"):
        asyncio.run(score())
    with pytest.raises(InputError, match="the web process must not have it"):
        serve(settings.model_copy(update={"truth": made.truth}))


def test_the_scorer_apart_scores_as_anyone_will_once_it_is_revealed(
    settings: Settings, made: Sealed, npy: Make, tmp_path: Path
) -> None:
    upload = tmp_path / "upload"
    upload.write_bytes(npy(arrays(made, 0.2)["gradient"]))
    card = score_sealed(made.truth, made.folder, upload, settings).card
    upload.write_bytes(b"nonsense")
    with pytest.raises(SubmissionError, match="neither .npy nor HDF5"):
        score_sealed(made.truth, made.folder, upload, settings)
    for inside in (made.archive / "truth", settings.data / "truth"):
        with pytest.raises(InputError, match="inside of"):
            score_sealed(inside, made.folder, upload, settings)
    reveal(made.folder, made.truth)
    from w1bench.client.api import score_file

    np.save(tmp_path / "again.npy", arrays(made, 0.2)["gradient"])
    again = score_file(made.folder, tmp_path / "again.npy")
    assert again.model_dump(exclude={"findings"}) == card.model_dump()


@pytest.mark.parametrize("name", ["truth.h5", "reveal.json", "missing"])
def test_a_truth_that_is_not_what_was_committed_to_scores_nothing(
    settings: Settings, made: Sealed, npy: Make, tmp_path: Path, name: str
) -> None:
    upload = tmp_path / "upload"
    upload.write_bytes(npy(arrays(made, 0.2)["gradient"]))
    if name == "missing":
        shutil.rmtree(made.kept)
    else:
        content = bytearray((made.kept / name).read_bytes())
        place = content.index(b'"w1": ') + 6 if name == "reveal.json" else -3
        content[place] = content[place] ^ 1
        (made.kept / name).write_bytes(content)
    with pytest.raises((CheckFailedError, PairError), match=r"was changed|committed to|does not hold the truth"):
        score_sealed(made.truth, made.folder, upload, settings)
