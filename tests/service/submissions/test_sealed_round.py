"""A sealed round: the service scores apart and shows little; then all is revealed, and every score can be replayed."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from support.recipes import SEALED, SEALED_FAMILIES, Sealed
from support.sealed_round import NAME, arrays, recorded, round_settings, score_sealed, submit
from support.servers import ended, working
from support.truth_search import found
from w1bench.archive import hdf5 as store
from w1bench.archive.manifest import read_published_manifest
from w1bench.archive.reveal import reveal
from w1bench.scoring.metrics import METRICS
from w1bench.scoring.scorecard import Scorecard
from w1bench_server.database import connection as database
from w1bench_server.errors import ProblemError
from w1bench_server.ledger.records import Entry
from w1bench_server.pairs.catalogue import PublishedPairs
from w1bench_server.settings import Settings
from w1bench_server.submissions.quota import Quota
from w1bench_server.submissions.replay import replay_data
from w1bench_server.web.app import create_app

SCORED = f"/v1/submissions?pair={NAME}&method=mine"
Make = Callable[..., bytes]
Problem = Callable[[Any, int], dict[str, Any]]


@pytest.fixture
def settings(made: Sealed, tmp_path: Path) -> Settings:
    return round_settings(made, tmp_path / "data")


FAMILY_DATA = {"funnel": ("center", "offset", "block"), "potential": ("basis", "rotation", "direction", "frame")}


def answers(client: TestClient, pair: str, identities: list[str]) -> dict[str, bytes]:
    """What every address says of a pair and of submissions to it."""
    pages = ["/", f"/pairs/{pair}", "/v1/pairs", f"/v1/pairs/{pair}", "/metrics", "/readyz", "/openapi.json"]
    pages += [f"/v1/pairs/{pair}/{part}" for part in ("certificate", "croissant.json", "submissions")]
    names = ("train", "test", "probe", *store.KEPT_BACK)
    pages += [f"/v1/pairs/{pair}/files/{n}" for n in ("manifest.json", "README.md", "preview.png", "reveal.json")]
    pages += [f"/v1/pairs/{pair}/files/{name}.h5" for name in names]
    pages += [
        f"/v1/pairs/{pair}/slice?file={file}.h5&dataset={dataset}&format={form}"
        for form in ("npy", "json", "csv")
        for file, datasets in (store.SEALED_ROLES | store.TRUTH_ROLES | {"test": store.ROLES["test"]}).items()
        for dataset in datasets
    ]
    pages += [
        f"/v1/pairs/{pair}/slice?file={file}.h5&dataset={dataset}"
        for file, datasets in FAMILY_DATA.items()
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
    figures = [f"{value:.5g}" for value in values if value is not None]
    return [figure.encode() for figure in figures if len(figure.lstrip("-0.")) >= 4]  # a bare 0.25 is in many pages


def timeless(content: bytes) -> bytes:
    """Without times of day, whose seconds may have the digits of a figure by chance."""
    return re.sub(rb"\d\d:\d\d:\d\d\.\d+", b"", content)


@pytest.mark.parametrize("made", [SEALED, *SEALED_FAMILIES], ids=lambda recipe: recipe.family, indirect=True)
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
        assert client.get(f"/v1/pairs/{made.name}").json()["commitment"] == commitment
        before = answers(client, made.name, [])  # whose sizes and certificates may have a figure's digits by chance
        jobs: list[str] = []
        for method, body in bodies.items():
            answer = client.post(
                f"/v1/submissions?pair={made.name}&method={method}", content=body, headers=bearer(settings)
            )
            assert (answer.status_code, answer.json()["queue"]) == (202, "sealed"), answer.text
            jobs.append(answer.json()["id"])
        with working(settings.model_copy(update={"truth": made.truth})):
            rows = [ended(client, job) for job in jobs]
        assert [row["state"] for row in rows] == ["succeeded", "succeeded"]
        identities = [row["result"].rpartition("/")[2] for row in rows]
        told = answers(client, made.name, identities)
        told |= {
            f"/v1/jobs/{job}{part}": client.get(f"/v1/jobs/{job}{part}").content
            for job in jobs
            for part in ("", "/events")
        }
        cards = [full_card(settings, made, body) for body in bodies.values()]
        assert found(told, made.kept) == set()
        numbers = ("/slice?", ".h5", "/metrics")  # have any digits
        spoken = {
            page: timeless(content) for page, content in told.items() if not any(part in page for part in numbers)
        }
        figures = [figure for card in cards for figure in digits(card)]
        more = [
            (page, figure) for page, content in spoken.items() for figure in figures if content.count(figure) > timeless(before.get(page, b"")).count(figure)
        ]  # fmt: skip
        assert more == []
        log = (caplog.text + "".join(capfd.readouterr())).encode()
        assert found({"log": log}, made.kept) == set()
        assert [figure for figure in figures if figure in timeless(log)] == []
        stored = {path.name: path.read_bytes() for path in settings.data.glob("*.sqlite*")}
        assert found(stored, made.kept) == set()
        assert [
            (name, figure) for name, content in stored.items() for figure in figures if figure in timeless(content)
        ] == []
        row = client.get(f"/v1/submissions/{identities[0]}").json()["scorecard"]
        assert row["metrics"] == dict.fromkeys(METRICS) | {"cos": {"value": 0.8, "low": None, "high": None}}
        assert (row["w1"], row["diagnosis"], row["sealed"]) == (None, None, True)
        board = client.get(f"/v1/leaderboard?pair={made.name}").json()["rows"]
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
        assert f'data-value="{cards[0].metrics["cos"].value}"' in client.get(f"/pairs/{made.name}").text
        late = client.post(
            f"/v1/submissions?pair={made.name}&method=mine", content=bodies["far"][:-1], headers=bearer(settings)
        )
        assert "the round is over" in is_problem(late, 422)["detail"]
        full = client.get(f"/v1/compare?a={identities[0]}&b={identities[1]}").json()["metrics"]["cos"]
        assert full["low"] < full["difference"] < full["high"]
        files = {path.name for path in made.kept.iterdir()}
        assert files > {"reveal.json", "truth.h5"}
        for name in files:
            assert client.get(f"/v1/pairs/{made.name}/files/{name}").content == (made.kept / name).read_bytes()
        assert client.get(f"/v1/pairs/{made.name}/slice?file=truth.h5&dataset=gradient&stop=2").status_code == 200
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
    assert "Sealed: " not in client.get(f"/pairs/{NAME}").text
