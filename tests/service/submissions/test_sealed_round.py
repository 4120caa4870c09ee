"""A sealed round: the service serves, scores apart and tells little; then all is revealed, and every score is played again."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from math import sqrt
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from starlette.testclient import TestClient

from support.recipes import SEALED, Sealed
from support.servers import ended, serving, working
from support.truth_search import found
from w1bench.archive import hdf5 as store
from w1bench.archive.manifest import read_published_manifest
from w1bench.archive.reveal import reveal
from w1bench.cli import tables
from w1bench.errors import CheckFailedError, InputError, PairError, SubmissionError
from w1bench.scoring.metrics import METRICS
from w1bench.scoring.scorecard import Interval, Scorecard
from w1bench.storage.files import file_digest
from w1bench_server.database import connection as database
from w1bench_server.database.times import now
from w1bench_server.errors import ProblemError
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.ledger.records import Entry, Record
from w1bench_server.pairs.published import PublishedPairs
from w1bench_server.sandbox import scorer as scoring
from w1bench_server.sandbox.scorer import score_sealed
from w1bench_server.settings import Settings
from w1bench_server.submissions.bodies import Bodies
from w1bench_server.submissions.quota import Quota
from w1bench_server.submissions.redaction import rounded, step
from w1bench_server.submissions.replay import replay_data, replay_server
from w1bench_server.web.app import create_app
from w1bench_server.web.serve import serve
from w1bench_server.worker.process import work

NAME = SEALED.name
SCORED = f"/v1/submissions?pair={NAME}&method=mine"
Make = Callable[..., bytes]
Problem = Callable[[Any, int], dict[str, Any]]


@pytest.fixture
def made(sealed_pair: Sealed, tmp_path: Path) -> Sealed:
    return sealed_pair.copied(tmp_path / "round")


@pytest.fixture
def settings(made: Sealed, tmp_path: Path) -> Settings:
    return Settings(archive=made.archive, data=tmp_path / "data", port=0, min_free_bytes=0, requests_per_minute=10**6)


@pytest.fixture
def client(settings: Settings) -> Any:
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


def arrays(made: Sealed, noise: float, seed: int = 0) -> dict[str, Any]:
    """A critic: the truth with so much noise."""
    rng = np.random.default_rng(seed)
    with store.open_file(made.kept / "truth.h5") as file:
        truth = {name: file[name][:] for name in ("gradient", "input_potential", "target_potential")}
    return {name: values + noise * rng.standard_normal(values.shape) for name, values in truth.items()}


def submit(settings: Settings, made: Sealed, body: bytes, method: str) -> Record:
    """As the process that scores submissions to sealed pairs does it."""
    bodies, pair = Bodies(settings.data, settings.bodies_url), PublishedPairs(settings.archive).get(NAME)
    bodies.incoming.mkdir(parents=True, exist_ok=True)
    upload = bodies.incoming / uuid4().hex
    upload.write_bytes(body)
    sha256 = file_digest(upload)
    card = score_sealed(made.truth, pair.folder, upload, settings).card
    entry = Entry(
        id=uuid4().hex, pair=NAME, pair_digest=pair.digest, method=method, user="ann", sha256=sha256, bytes=len(body),
        submitted_at=now(), scorer=version("w1bench"), scorecard=rounded(card).model_dump_json(),
    )  # fmt: skip
    bodies.keep(upload, sha256)
    with database.opened(settings) as engine:
        return Ledger(engine).append(entry)[0]


def answers(client: TestClient, identities: list[str]) -> dict[str, bytes]:
    """What every address says of a pair and of submissions to it."""
    pages = ["/", f"/pairs/{NAME}", "/v1/pairs", f"/v1/pairs/{NAME}", "/metrics", "/readyz", "/openapi.json"]
    pages += [f"/v1/pairs/{NAME}/{part}" for part in ("certificate", "croissant.json", "submissions")]
    names = ("train", "test", "probe", "truth", "funnel")
    pages += [f"/v1/pairs/{NAME}/files/{n}" for n in ("manifest.json", "README.md", "preview.png", "reveal.json")]
    pages += [f"/v1/pairs/{NAME}/files/{name}.h5" for name in names]
    pages += [
        f"/v1/pairs/{NAME}/slice?file={file}.h5&dataset={dataset}&format={form}"
        for form in ("npy", "json", "csv")
        for file, datasets in (store.SEALED_ROLES | store.TRUTH_ROLES | {"test": store.ROLES["test"]}).items()
        for dataset in datasets
    ]
    pages += [f"/v1/leaderboard?metric={metric}&format={form}" for metric in METRICS for form in ("json", "csv")]
    pages += [f"/v1/leaderboard?track={track}" for track in ("sealed", "hd")] + ["/badge/near.svg", "/badge/far.svg"]
    pages += [f"{place}/{identity}" for identity in identities for place in ("/v1/submissions", "/submissions")]
    pages += [f"/v1/submissions/{identity}/body" for identity in identities]
    pages += [f"/v1/compare?a={a}&b={b}" for a in identities for b in identities]
    return {page: client.get(page).content for page in pages}


def digits(card: Scorecard) -> list[bytes]:
    """Every figure of a card as a page would show it: to more digits than are told before the pair is revealed."""
    values = [v for i in card.metrics.values() if i is not None for v in (i.value, i.low, i.high)]
    assert card.diagnosis is not None
    values += [
        card.diagnosis.l2_direction,
        card.diagnosis.best_scale,
        card.diagnosis.best_scale_l2,
        card.w1,
        card.w1_stderr,
    ]
    return [f"{value:.5g}".encode() for value in values if value is not None]


# The round


def test_a_round_from_commitment_to_replay(
    settings: Settings,
    made: Sealed,
    h5: Make,
    npy: Make,
    bearer: Callable[..., Any],
    is_problem: Problem,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    near, far = arrays(made, 0.2), arrays(made, 1.0)
    bodies = {"near": h5(near), "far": npy(far["gradient"])}
    commitment = read_published_manifest(made.folder).commitment
    with TestClient(create_app(settings)) as client:
        assert client.get(f"/v1/pairs/{NAME}").json()["commitment"] == commitment
        jobs: list[str] = []
        for method, body in bodies.items():
            answer = client.post(f"/v1/submissions?pair={NAME}&method={method}", content=body, headers=bearer(settings))
            assert (answer.status_code, answer.json()["queue"]) == (202, "sealed"), answer.text
            jobs.append(answer.json()["id"])
        with working(settings.model_copy(update={"truth": made.truth})):
            rows = [ended(client, job) for job in jobs]
        assert [row["state"] for row in rows] == ["succeeded", "succeeded"]
        identities = [row["result"].rpartition("/")[2] for row in rows]
        told = answers(client, identities)
        told |= {
            f"/v1/jobs/{job}{part}": client.get(f"/v1/jobs/{job}{part}").content
            for job in jobs
            for part in ("", "/events")
        }
        cards = [full_card(settings, made, body) for body in bodies.values()]
        assert found(told, made.kept) == set()
        numbers = ("/slice?", ".h5", "/metrics")  # have any digits
        spoken = {page: content for page, content in told.items() if not any(part in page for part in numbers)}
        figures = [figure for card in cards for figure in digits(card)]
        assert [(page, figure) for page, content in spoken.items() for figure in figures if figure in content] == []
        log = (caplog.text + "".join(capfd.readouterr())).encode()
        assert found({"log": log}, made.kept) == set()
        assert [figure for figure in figures if figure in log] == []
        stored = {path.name: path.read_bytes() for path in settings.data.glob("*.sqlite*")}
        assert found(stored, made.kept) == set()
        assert [(name, figure) for name, content in stored.items() for figure in figures if figure in content] == []
        row = client.get(f"/v1/submissions/{identities[0]}").json()["scorecard"]
        assert row["metrics"] == dict.fromkeys(METRICS) | {"cos": {"value": 0.8, "low": None, "high": None}}
        assert (row["w1"], row["diagnosis"], row["sealed"]) == (None, None, True)
        board = client.get(f"/v1/leaderboard?pair={NAME}").json()["rows"]
        assert [(r["rank"], r["method"], r["metrics"]["cos"]["value"]) for r in board] == [
            (1, "near", 0.8),
            (2, "far", 0.25),
        ]
        assert client.get(f"/v1/submissions/{identities[0]}/body").status_code == 404

        reveal(made.folder, made.truth)
        for identity, card, body in zip(identities, cards, bodies.values(), strict=True):
            told_then, document = row_of(client, identity)
            assert Scorecard.model_validate(document["scorecard"]) == card  # to the last digit
            assert document["earlier_scorecards"] == [told_then]
            answer = client.get(f"/v1/submissions/{identity}/body")
            assert (answer.status_code, answer.content) == (200, body)
            assert int(client.head(f"/v1/submissions/{identity}/body").headers["content-length"]) == len(body)
        assert f"{cards[0].metrics['cos'].value:.5g}" in client.get("/").text
        late = client.post(SCORED, content=bodies["far"][:-1], headers=bearer(settings))
        assert "the round is over" in is_problem(late, 422)["detail"]
        full = client.get(f"/v1/compare?a={identities[0]}&b={identities[1]}").json()["metrics"]["cos"]
        assert full["low"] < full["difference"] < full["high"]
        for name in ("reveal.json", "truth.h5", "funnel.h5"):
            assert client.get(f"/v1/pairs/{NAME}/files/{name}").content == (made.kept / name).read_bytes()
        assert client.get(f"/v1/pairs/{NAME}/slice?file=truth.h5&dataset=gradient&stop=2").status_code == 200
    replayed = replay_data(made.folder, settings)
    assert {each.method: (each.difference, each.cos) for each in replayed} == {
        method: (None, card.metrics["cos"].value) for method, card in zip(bodies, cards, strict=True)
    }


def full_card(settings: Settings, made: Sealed, body: bytes) -> Scorecard:
    """What nobody is told yet."""
    upload = made.truth / "upload"
    upload.write_bytes(body)
    card = score_sealed(made.truth, made.folder, upload, settings).card
    upload.unlink()
    return card


def row_of(client: TestClient, identity: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is told of a submission as soon as its pair is revealed, and when it was scored again."""
    first = row = client.get(f"/v1/submissions/{identity}").json()
    deadline = time.monotonic() + 30
    while not row["earlier_scorecards"]:
        assert time.monotonic() < deadline, "it was not scored again"
        time.sleep(0.1)
        row = client.get(f"/v1/submissions/{identity}").json()
    return (first["earlier_scorecards"] or [first["scorecard"]])[0], row


def test_anyone_replays_a_round_from_what_is_published(
    settings: Settings, made: Sealed, npy: Make, tmp_path: Path
) -> None:
    submit(settings, made, npy(arrays(made, 0.2)["gradient"]), "near")
    reveal(made.folder, made.truth)
    with serving(settings) as (_, client):
        url = str(client.base_url).rstrip("/")
        command = [sys.executable, "-m", "w1bench"]
        fetched = [*command, "fetch", NAME, "--from", url, "--cache", str(tmp_path / "cache")]
        subprocess.run(fetched, check=True, capture_output=True)
        folder = tmp_path / "cache" / NAME
        done = subprocess.run(
            [*command, "replay", str(folder), "--server", url, "--json"], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        (row,) = json.loads(done.stdout)["submissions"]
        assert (row["method"], row["difference"]) == ("near", None)
        with pytest.raises(SubmissionError, match="404"):
            replay_server(_renamed(folder, tmp_path / "other"), url)


def _renamed(folder: Path, to: Path) -> Path:
    """A pair that the service does not have."""
    from w1bench.builder.build import build

    recipe = SEALED.model_copy(update={"name": "elsewhere"})
    build(recipe, to / "archive", truth=to / "truth")
    reveal(to / "archive" / "elsewhere", to / "truth")
    return to / "archive" / "elsewhere"


def test_a_score_that_was_tampered_with_is_named(settings: Settings, made: Sealed, npy: Make) -> None:
    """Written to the ledger by its owner, with a chain that holds."""
    honest = submit(settings, made, npy(arrays(made, 0.2)["gradient"]), "near")
    card = honest.score.card
    better = Interval(value=0.99, low=None, high=None)
    flattered = card.model_copy(update={"metrics": card.metrics | {"cos": better}})
    with database.opened(settings) as engine:
        entry = replace(honest.entry, id="flattered", method="flattered", scorecard=flattered.model_dump_json())
        Ledger(engine).append(entry)
        Ledger(engine).append(replace(entry, id="lost", sha256="0" * 64, method="lost"))
    with pytest.raises(PairError, match="is sealed"):
        replay_data(made.folder, settings)
    reveal(made.folder, made.truth)
    replayed = {each.id: each.difference for each in replay_data(made.folder, settings)}
    assert replayed[honest.entry.id] is None
    assert "metrics.cos.value is 0.99 in the ledger, and comes to 0.8" in replayed["flattered"]
    assert "is missing" in replayed["lost"]
    command = [sys.executable, "-m", "w1bench", "replay", str(made.folder), "--data", str(settings.data)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "2 of 3 scores are not what they come to. Submission flattered" in done.stderr
    content = (made.folder / "truth.h5").read_bytes()
    (made.folder / "truth.h5").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(CheckFailedError, match=r"truth.h5 was changed"):
        replay_data(made.folder, settings)


# Who may score


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
    assert score_file(made.folder, tmp_path / "again.npy") == card


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


# What is told


@given(st.integers(100, 10**6), st.floats(-1, 1))
def test_a_cosine_is_told_to_a_step_of_at_least_its_standard_error(points: int, value: float) -> None:
    card = _card(points, value)
    told = rounded(card).metrics["cos"]
    assert told is not None
    assert step(points) * sqrt(points) >= 1 - 1e-12
    assert abs(told.value - value) <= step(points) / 2 + 1e-12
    assert len(f"{told.value}".removeprefix("-")) <= 4
    assert (told.low, told.high) == (None, None)


def _card(points: int, cos: float) -> Scorecard:
    return Scorecard(
        pair=NAME, pair_version=1, pair_digest="d" * 64, metric_version=1, points=points, w1=1.5, w1_stderr=0.1,
        metrics=dict.fromkeys(METRICS) | {"cos": Interval(value=cos, low=-1, high=1), "l2": Interval(value=2, low=1, high=3)},
        missing={"dev": "the submission holds no potential"}, diagnosis=None, sealed=True,
    )  # fmt: skip


def test_what_is_missing_keeps_its_reason_and_the_command_line_shows_the_rest() -> None:
    told = rounded(_card(1500, 0.3))
    shown = Console(file=io.StringIO(), width=200)
    shown.print(tables.scorecard(told))
    assert "0.3 " in shown.file.getvalue()  # type: ignore[attr-defined]
    assert "sealed; 1,500 points" in shown.file.getvalue()  # type: ignore[attr-defined]
    assert told.missing["dev"] == "the submission holds no potential"
    assert told.missing["l2"] == "kept back until the pair is revealed"
    assert "cos" not in told.missing


def recorded(settings: Settings, make_entry: Callable[..., Entry], **cosines: float) -> None:
    """Entries on the sealed pair, by their methods."""
    pair = PublishedPairs(settings.archive).get(NAME)
    with database.opened(settings) as engine:
        for method, cos in cosines.items():
            card = _card(1500, cos).model_copy(update={"pair_digest": pair.digest})
            entry = make_entry(method, pair=NAME, digest=pair.digest, method=method)
            Ledger(engine).append(replace(entry, scorecard=card.model_dump_json()))


def test_ranks_compare_no_further_digits(
    client: TestClient, settings: Settings, made: Sealed, make_entry: Callable[..., Entry]
) -> None:
    recorded(settings, make_entry, low=0.8311, high=0.8312, best=0.9)

    def ranks(metric: str) -> dict[str, int | None]:
        rows = client.get(f"/v1/leaderboard?pair={NAME}&metric={metric}").json()["rows"]
        return {row["method"]: row["rank"] for row in rows}

    assert ranks("cos") == {"best": 1, "low": 2, "high": 2}  # the earlier first
    assert set(ranks("l2").values()) == {None}
    assert client.get("/v1/compare?a=low&b=high").json()["metrics"] == dict.fromkeys(METRICS)
    reveal(made.folder, made.truth)
    assert ranks("cos") == {"best": 1, "high": 2, "low": 3}


def test_scores_of_a_pair_that_is_gone_stay_rounded(
    client: TestClient, settings: Settings, made: Sealed, make_entry: Callable[..., Entry]
) -> None:
    recorded(settings, make_entry, low=0.8311)
    shutil.rmtree(made.folder)
    assert client.get("/v1/submissions/low").json()["scorecard"]["metrics"]["cos"]["value"] == 0.85
    assert client.get("/v1/leaderboard").json()["rows"][0]["metrics"]["cos"]["value"] == 0.85


def test_the_truth_is_asked_about_a_few_times_a_day(
    client: TestClient,
    settings: Settings,
    made: Sealed,
    npy: Make,
    bearer: Callable[..., Any],
    make_entry: Callable[..., Entry],
    is_problem: Problem,
) -> None:
    recorded(settings, make_entry, a=0.1, b=0.2)
    with database.opened(settings) as engine, engine.connect() as connection:
        from datetime import UTC, datetime

        evening = datetime(2030, 1, 1, 23, tzinfo=UTC)
        Quota("ann", 3, NAME).check(connection, now=evening)
        Quota("ann", 2, "sealed-d1%").check(connection, now=evening)
        with pytest.raises(ProblemError, match="2 of your submissions"):
            Quota("ann", 2, NAME).check(connection, now=evening)
        Quota("ann", 1).check(connection, now=evening)  # of open pairs
    with TestClient(create_app(settings.model_copy(update={"sealed_submissions": 1}))) as strict:
        body = npy(arrays(made, 0.2)["gradient"])
        other = npy(arrays(made, 0.3)["gradient"])
        assert strict.post(SCORED, content=body, headers=bearer(settings, "bob")).status_code == 202
        assert is_problem(strict.post(SCORED, content=other, headers=bearer(settings, "bob")), 429)  # one waits
        submit(settings, made, body, "mine")
        assert is_problem(strict.post(SCORED, content=other, headers=bearer(settings)), 429)


def test_what_was_accepted_before_the_reveal_is_known_after_it(
    client: TestClient, settings: Settings, made: Sealed, npy: Make, bearer: Callable[..., Any]
) -> None:
    body = npy(arrays(made, 0.2)["gradient"])
    job = client.post(SCORED, content=body, headers=bearer(settings)).json()["id"]
    reveal(made.folder, made.truth)
    again = client.post(SCORED, content=body, headers=bearer(settings))
    assert (again.status_code, again.json()["id"]) == (202, job)


def test_pages_of_submissions_go_on_where_the_one_before_ended(
    client: TestClient, settings: Settings, make_entry: Callable[..., Entry], is_problem: Problem
) -> None:
    recorded(settings, make_entry, **dict.fromkeys("abcde", 0.1))
    url, seen, cursor = f"/v1/pairs/{NAME}/submissions", list[str](), None
    for _ in range(3):
        page = client.get(url, params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [row["id"] for row in page["submissions"]]
        cursor = page["next"]
    assert (seen, cursor) == (list("abcde"), None)
    is_problem(client.get(f"{url}?limit=501"), 400)
    is_problem(client.get(f"{url}?cursor=YWJj"), 400)
    is_problem(client.get("/v1/pairs/nothing/submissions"), 404)
    is_problem(client.get("/v1/submissions/nothing/body"), 404)


def test_bodies_of_open_pairs_are_not_published(
    settings: Settings, archive: Path, bearer: Callable[..., Any], npy: Make, is_problem: Problem, truth: dict[str, Any]
) -> None:
    body, headers = npy(truth["gradient"]), bearer(settings)
    with TestClient(create_app(settings.model_copy(update={"archive": archive}))) as client:
        row = client.post("/v1/submissions?pair=small-d2-n4-p8&method=open", content=body, headers=headers).json()
        is_problem(client.get(f"/v1/submissions/{row['id']}/body"), 404)


def test_tracks_tell_open_from_sealed(client: TestClient, made: Sealed) -> None:
    pair = PublishedPairs(made.archive).get(NAME)
    assert pair.tracks == ("hd", "sealed")
    (entry,) = client.get("/v1/pairs").json()["pairs"]
    assert (entry["sealed"], entry["revealed"], entry["w1"], entry["funnels"]) == (True, False, None, None)
    reveal(made.folder, made.truth)
    (entry,) = client.get("/v1/pairs").json()["pairs"]
    assert (entry["sealed"], entry["revealed"]) == (True, True)
    assert entry["w1"] > 0
    assert "Sealed" not in client.get(f"/pairs/{NAME}").text
