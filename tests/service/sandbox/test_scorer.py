"""Uploads are opened in worker processes alone; whatever becomes of a worker, an answer comes and the next one works."""

from __future__ import annotations

import asyncio
import ctypes
import os
import pickle
import select
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from starlette.testclient import TestClient

import w1bench
from w1bench.errors import SubmissionError
from w1bench.scoring.scorecard import RESAMPLES, Scorecard
from w1bench_server.errors import ProblemError
from w1bench_server.pairs.catalogue import PublishedPair
from w1bench_server.sandbox import scorer as scoring
from w1bench_server.sandbox import scoring_process as worker
from w1bench_server.sandbox.hdf5_jail import Limits
from w1bench_server.sandbox.scorer import Scorer
from w1bench_server.sandbox.scoring_process import NoJail, ScoringTask
from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app

_PR_GET_DUMPABLE = 3
VALIDATE = "/v1/validate?pair=small-d2-n4-p8"
Problem = Callable[[Any, int], dict[str, Any]]


def workers() -> set[psutil.Process]:
    """The worker processes below this one."""
    return {child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())}


@pytest.fixture
def upload(tmp_path: Path, truth: dict[str, Any], npy: Callable[..., bytes]) -> Path:
    path = tmp_path / "upload"
    path.write_bytes(npy(truth["gradient"]))
    return path


def test_killed_workers_are_replaced_and_nobody_notices(
    settings: Settings, truth: dict[str, Any], npy: Callable[..., bytes]
) -> None:
    others = workers()
    body = npy(truth["gradient"])
    with TestClient(create_app(settings)) as client:
        for _ in range(2):
            for each in workers() - others:
                each.kill()
                each.wait(10)
            assert client.post(VALIDATE, content=body).status_code == 200
        assert client.post(VALIDATE, content=body).status_code == 200
        ours = workers() - others
        assert ours
    assert psutil.wait_procs(ours, timeout=10)[1] == []


def is_readable() -> bool:
    """Whether other processes of this one's user can read its memory."""
    return ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE) != 0


def open_files() -> list[str]:
    """What the descriptors of this process lead to."""
    return [str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]


def test_processes_are_closed_to_others_and_inherit_nothing(settings: Settings, tmp_path: Path) -> None:
    async def asked(scorer: Scorer) -> tuple[bool, list[str]]:
        return await scorer._run(is_readable), await scorer._run(open_files)

    async def found() -> tuple[bool, list[str]]:
        async with scoring.started(settings) as scorer:
            return await asked(scorer)

    with (tmp_path / "ledger").open("wb") as ledger, socket.create_server(("127.0.0.1", 0)) as listener:
        for each in (ledger.fileno(), listener.fileno()):
            os.set_inheritable(each, True)
        theirs = str(Path(f"/proc/self/fd/{listener.fileno()}").readlink())
        readable, files = asyncio.run(found())
    assert not readable
    assert not is_readable()  # nor the process that the scorer was started in
    assert str(tmp_path / "ledger") not in files
    assert theirs not in files


def test_an_outcome_is_no_more_than_a_pipe_takes_at_once(
    archive: Path, truth: dict[str, Any], npy: Callable[..., bytes], tmp_path: Path
) -> None:
    """Else a worker that is killed while it answers leaves half an answer in the pipe of all, and the server waits for the rest."""
    folder, resampled = archive / "small-d2-n4-p8", tmp_path / "resampled"
    (tmp_path / "upload").write_bytes(npy(truth["gradient"]))
    outcome = worker.score(
        ScoringTask(folder, tmp_path / "upload", 30, Limits(1 << 30, 10, 10, 0), resampled=resampled)
    )
    assert isinstance(outcome, Scorecard)
    assert len(resampled.read_bytes()) == sum(value is not None for value in outcome.metrics.values()) * 8 * RESAMPLES
    card = w1bench.score(w1bench.load(folder), **truth)  # with all that can be scored
    assert all(card.metrics.values())
    plane = w1bench.score(w1bench.load(folder), gradient=truth["gradient"]).plane
    assert (outcome.plane, worker.plane_beside(resampled).read_text()) == (None, plane)
    through_pipe = card.model_copy(update={"plane": None})
    assert max(len(pickle.dumps(each)) for each in (outcome, through_pipe)) < 0.9 * select.PIPE_BUF


def test_a_file_that_takes_too_long_is_refused_and_the_service_goes_on(
    settings: Settings, truth: dict[str, Any], npy: Callable[..., bytes], is_problem: Problem
) -> None:
    impatient = settings.model_copy(update={"scoring_seconds": 1e-6})
    with TestClient(create_app(impatient)) as client:
        for _ in range(2):
            assert "took longer" in is_problem(client.post(VALIDATE, content=npy(truth["gradient"])), 422)["detail"]
        assert client.get("/readyz").status_code == 200
    assert list((settings.data / "incoming").iterdir()) == []


def test_refusals_are_counted_by_cause(
    settings: Settings, truth: dict[str, Any], h5: Callable[..., bytes], is_problem: Problem
) -> None:
    def refused(settings: Settings, body: bytes, status: int = 422) -> dict[str, float]:
        before = counted()
        with TestClient(create_app(settings)) as client:
            is_problem(client.post(VALIDATE, content=body), status)
        return {cause: count - before.get(cause, 0) for cause, count in counted().items() if count != before.get(cause)}

    assert refused(settings, b"nothing") == {"content": 1}
    assert refused(settings.model_copy(update={"jail_seconds": 1e-9}), h5(truth)) == {"time": 1}
    assert refused(settings.model_copy(update={"scoring_seconds": 1e-6}), h5(truth)) == {"worker": 1}


def counted() -> dict[str, float]:
    """Refused uploads by cause."""
    samples = [sample for metric in scoring.REFUSED.collect() for sample in metric.samples]
    return {sample.labels["cause"]: sample.value for sample in samples if sample.name.endswith("_total")}


def test_without_room_to_unpack_it_is_not_the_file_that_is_refused(
    settings: Settings, pair: PublishedPair, truth: dict[str, Any], h5: Callable[..., bytes], tmp_path: Path
) -> None:
    upload = tmp_path / "upload.h5"
    upload.write_bytes(h5(truth))

    async def refused() -> ProblemError:
        async with scoring.started(settings.model_copy(update={"min_free_bytes": 10**18})) as scorer:
            with pytest.raises(ProblemError) as error:
                await scorer.check(pair.folder, upload)
            return error.value

    assert asyncio.run(refused()).status == 507


def test_beyond_the_bound_uploads_are_turned_away(settings: Settings, pair: PublishedPair, upload: Path) -> None:
    bounded = settings.model_copy(update={"scoring_processes": 1, "waiting": 1})

    async def crowd() -> list[object]:
        async with scoring.started(bounded) as scorer:
            scorer.check_place()
            jobs = [asyncio.create_task(scorer.score(pair.folder, upload)) for _ in range(3)]
            done = await asyncio.gather(*jobs, return_exceptions=True)
            scorer.check_place()  # all places are free again
            return list(done)

    first, second, third = asyncio.run(crowd())
    assert first == second
    assert isinstance(third, ProblemError)
    assert (third.status, dict(third.headers or {})) == (503, {"Retry-After": "5"})


def test_one_file_that_kills_workers_does_not_refuse_another(
    settings: Settings, pair: PublishedPair, upload: Path
) -> None:
    async def unlucky() -> list[object]:
        others = workers()
        async with scoring.started(settings.model_copy(update={"scoring_processes": 2})) as scorer:
            await scorer.warm()
            jobs = [asyncio.create_task(scorer.score(pair.folder, upload)) for _ in range(3)]
            await asyncio.sleep(0)
            for worker in workers() - others:
                worker.kill()
            return list(await asyncio.gather(*jobs))

    first, second, third = asyncio.run(unlucky())
    assert first == second == third


def test_a_sentence_names_no_path_and_repeats_nothing(settings: Settings, pair: PublishedPair, tmp_path: Path) -> None:
    secret = tmp_path / "secret-name"
    secret.write_bytes(b"SECRETSECRET")

    async def refused() -> None:
        async with scoring.started(settings) as scorer:
            for content in (b"SECRETSECRET", b"\x93NUMPY\x01\x00\x10\x00SECRETSECRETSECR", b"\x89HDF\r\n\x1a\nSECRET"):
                secret.write_bytes(content)
                with pytest.raises(SubmissionError) as error:
                    await scorer.check(pair.folder, secret)
                assert str(error.value).startswith("The file ")
                assert "secret" not in str(error.value).lower()

    asyncio.run(refused())


def not_started(job: ScoringTask) -> NoJail:
    return NoJail("it did not start")


def test_where_nothing_can_be_started_an_upload_is_turned_away_and_not_refused(
    settings: Settings,
    truth: dict[str, Any],
    h5: Callable[..., bytes],
    is_problem: Problem,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("w1bench_server.sandbox.scoring_process.check", not_started)
    with TestClient(create_app(settings)) as client:
        answer = client.post(VALIDATE, content=h5(truth))
        assert "send it again" in is_problem(answer, 503)["detail"]
        assert int(answer.headers["retry-after"]) > 0
