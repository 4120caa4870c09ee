"""Reference rows: results of trials become the first rows of a service, once, marked, and are left as they are."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from w1bench.archive import hdf5
from w1bench.errors import InputError
from w1bench.scoring.score import score_resampled
from w1bench.scoring.scorecard import Scorecard
from w1bench.trials import results
from w1bench.trials.resamples import packed
from w1bench_server.database.connection import opened
from w1bench_server.ledger.chain import check_chain
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.pairs.catalogue import PublishedPair
from w1bench_server.settings import Settings
from w1bench_server.submissions import references
from w1bench_server.web.app import create_app
from w1bench_server.web.auth.tokens import create_token

DATABASES = ("sqlite", "postgresql")
Rows = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def rows(pair: PublishedPair, make_card: Callable[..., Scorecard]) -> Rows:
    """Rows of a method on the pair, a seed each, with these cosines."""

    def make(
        method: str, *cosines: float, recipe: str = pair.manifest.recipe_sha256, steps: int = 2000, data: str = "fresh"
    ) -> list[dict[str, Any]]:
        return [
            {
                "method": method, "pair": pair.name, "recipe_sha256": recipe, "law": pair.name, "seed": seed,
                "data": data, "settings": {"steps": steps, "batch": 1024, "learning_rate": 2e-4, "betas": [0, 0.9]},
                "outcome": "finished", "steps": steps, "seconds": 1.0, "dual_value": 1.0,
                "software": {"w1bench": "0.1.0"},
                **make_card("e" * 64, cos=cos).model_dump(include=_OF_CARD),
            }
            for seed, cos in enumerate(cosines)
        ]  # fmt: skip

    return make


_OF_CARD = {"pair_digest", "w1", "metric_version", "points", "metrics", "missing", "diagnosis"}


@pytest.fixture
def site(settings: Settings, rows: Rows, tmp_path: Path) -> Settings:
    folder = tmp_path / "references"
    folder.mkdir()
    results.write(folder / "a.json", [*rows("LP", 0.7, 0.9, 0.8), *rows("WC", 0.1)])
    results.write(folder / "b.json", [*rows("SO", 0.99, recipe="f" * 64), {**rows("LS", 0)[0], "metrics": None}])
    return settings.model_copy(update={"references": folder})


def board(client: TestClient) -> list[dict[str, Any]]:
    return client.get("/v1/leaderboard").json()["rows"]


def test_results_of_published_pairs_are_the_first_rows_once(site: Settings, pair: PublishedPair) -> None:
    """A row a method, with the mean of its seeds; what diverged, or is of another recipe, is none."""
    for _ in range(2):
        with TestClient(create_app(site)) as client:
            found = board(client)
            assert [(row["method"], row["user"], row["reference"]) for row in found] == [
                ("LP", "w1bench", True),
                ("WC", "w1bench", True),
            ]
            assert found[0]["metrics"]["cos"]["value"] == pytest.approx(0.8)
            assert [
                (row["seeds"], row["tries"], row["metadata"]["steps"], row["metadata"]["trains"]) for row in found
            ] == [(3, 3, 2000, True), (1, 1, 2000, True)]
            page = client.get(f"/pairs/{pair.name}").text
            assert page.count('title="A reference run of this project"') == 2
            assert '" title="one-sided gradient penalty">LP</a>' in page
            of_method = client.get("/method?name=LP&user=w1bench").text
            assert "One-sided gradient penalty: Petzka, Fischer, Lukovnikov" in of_method
            assert "author = {Petzka and Fischer and Lukovnikov}" in of_method
            table = csv.DictReader(io.StringIO(client.get("/v1/leaderboard?format=csv").text))
            assert [row["reference"] for row in table] == ["True", "True"]
    with opened(site) as engine:
        ledger = Ledger(engine)
        check_chain(ledger.rows())
        assert len(ledger.rows()) == 4


def test_a_method_has_the_row_of_its_longest_training(site: Settings, rows: Rows) -> None:
    """Of all its seeds; shorter trainings are no rows, and what was trained on stored rows is a method of its own."""
    assert site.references is not None
    results.write(
        site.references / "c.json", [*rows("LP", 0.2, 0.3, 0.4, 0.5, steps=500), *rows("LP", 0.6, data="train")]
    )
    with TestClient(create_app(site)) as client:
        found = [(row["method"], row["seeds"], row["metadata"]["steps"]) for row in board(client)]
    assert found == [("LP", 3, 2000), ("LP (train.h5)", 1, 2000), ("WC", 1, 2000)]
    results.write(site.references / "d.json", rows("LP", 0.95, steps=20_000))
    with TestClient(create_app(site)) as client:
        found = [(row["method"], row["seeds"], row["tries"], row["metadata"]["steps"]) for row in board(client)]
    assert found[0] == ("LP", 1, 4, 20_000)
    assert len(found) == 3


def test_a_row_of_before_has_the_skill_of_its_cosine(site: Settings, rows: Rows) -> None:
    """Where another row of its pair says what trivial critics get there; and the finding that it is no better."""
    assert site.references is not None
    (wc,) = rows("WC", 0.1)
    results.write(site.references / "a.json", [*rows("LP", 0.7), {**wc, "trivial": {"radial": 0.25, "shift": -0.5}}])
    with TestClient(create_app(site)) as client:
        found = {row["method"]: row for row in board(client)}
    assert found["LP"]["metrics"]["skill"]["value"] == pytest.approx(0.6)
    assert found["WC"]["metrics"]["skill"]["value"] == pytest.approx(-0.2)
    codes = {method: [finding["code"] for finding in row["findings"]] for method, row in found.items()}
    assert codes == {"LP": [], "WC": ["trivial"]}


def test_a_method_that_the_results_leave_out_is_retracted(site: Settings, rows: Rows) -> None:
    """On pairs that have others; a service whose folder is empty keeps what it has."""
    with TestClient(create_app(site)):
        pass
    assert site.references is not None
    for left, methods in (([], ["LP", "WC"]), (rows("LP", 0.7), ["LP"]), (rows("WC", 0.1), [])):
        for file in site.references.iterdir():
            file.unlink()
        results.write(site.references / "a.json", left)
        with TestClient(create_app(site)) as client:
            answer = client.get("/v1/leaderboard").json()
            assert [row["method"] for row in answer["rows"]] == methods
    (lp, *_, wc) = answer["retracted"]
    assert {(row["method"], row["retraction"]["user"]) for row in (lp, wc)} == {("LP", "w1bench"), ("WC", "w1bench")}


def test_their_bodies_are_the_results(site: Settings, rows: Rows) -> None:
    with TestClient(create_app(site)) as client:
        identity = board(client)[0]["id"]
        row = client.get(f"/v1/submissions/{identity}").json()
    assert row["reference"]
    body = site.data / "submissions" / row["sha256"][:2] / row["sha256"]
    assert json.loads(body.read_bytes()) in rows("LP", 0.7, 0.9, 0.8)
    assert body.stat().st_size == row["bytes"]


def test_their_rows_say_what_is_wrong_and_what_their_method_declares(
    settings: Settings, rows: Rows, tmp_path: Path
) -> None:
    (tmp_path / "wrong").mkdir()
    (row,) = rows("LP", -0.9)
    row["diagnosis"] |= {"best_scale": -1.0}
    results.write(tmp_path / "wrong" / "rows.json", [row])
    with TestClient(create_app(settings.model_copy(update={"references": tmp_path / "wrong"}))) as client:
        (listed,) = board(client)
        shown = client.get(f"/v1/submissions/{listed['id']}").json()
    assert [finding["code"] for finding in listed["findings"]] == ["sign"]
    assert shown["findings"] == listed["findings"] == results.with_findings(row)["findings"]
    said = {name: listed["metadata"][name] for name in ("penalty_weight", "batch", "native_value", "own_value")}
    assert said == {"penalty_weight": 10.0, "batch": 1024, "native_value": 1.0, "own_value": None}


def test_more_seeds_join_their_row(site: Settings, rows: Rows) -> None:
    with TestClient(create_app(site)):
        pass
    assert site.references is not None
    results.write(site.references / "a.json", [*rows("LP", 0.7, 0.9, 0.8, 0.95, 0.97), *rows("WC", 0.1)])
    with TestClient(create_app(site)) as client:
        assert [row["metrics"]["cos"]["value"] for row in board(client)] == pytest.approx([0.864, 0.1])


def test_a_file_that_holds_no_results_stops_the_service(site: Settings) -> None:
    assert site.references is not None
    (site.references / "a.json").write_text("{}")
    with pytest.raises(InputError, match=r"a\.json is not a results file"), TestClient(create_app(site)):
        pass


def test_no_token_is_of_their_user(settings: Settings) -> None:
    with pytest.raises(InputError, match="reference rows"):
        create_token(settings, user="w1bench")


def test_the_committed_results_can_be_recorded(settings: Settings, pair: PublishedPair, tmp_path: Path) -> None:
    """Those of the first seed that come with w1bench, as if they were of this pair."""
    folder = tmp_path / "references"
    folder.mkdir()
    packaged = results.read_all(sorted(references.PACKAGED.glob("*.json")))
    committed = [row for row in packaged if row["seed"] == 0]
    assert {row["method"] for row in committed} >= {"WC", "GP", "LP", "SN", "SO", "LS", "MM:B", "MM:Bv2", "MM", "MM:R"}
    results.write(folder / "all.json", [{**row, "recipe_sha256": pair.manifest.recipe_sha256} for row in committed])
    with TestClient(create_app(settings.model_copy(update={"references": folder}))) as client:
        assert len(board(client)) == len({(row["method"], row["data"]) for row in committed if row["metrics"]})
        assert "do no better than a critic that knows two means" in client.get("/").text


def test_nobody_s_method_is_called_like_a_reference_row(
    site: Settings,
    pair: PublishedPair,
    truth: dict[str, Any],
    npy: Callable[..., bytes],
    bearer: Callable[..., Any],
    is_problem: Callable[..., Any],
) -> None:
    """Nor so that it looks like one; a reference method's badge is its own."""
    with TestClient(create_app(site), raise_server_exceptions=False) as client:

        def submit(method: str) -> Any:
            params = {"pair": pair.name, "method": method}
            return client.post("/v1/submissions", params=params, content=npy(truth["gradient"]), headers=bearer(site))

        for name in ("LP", "lp", "L P", "1P"):
            problem = is_problem(submit(name), 409)
            assert problem["errors"][0]["pointer"] == "#/query/method"
            assert "reference" in problem["detail"]
        assert submit("LP2").status_code == 201  # the stored truth, which does not rank
        badge = client.get("/badge/LP.svg").text
        assert "rank 1 on 1 pair" in badge


def test_a_reference_row_is_compared_where_its_resamples_were_kept(
    site: Settings,
    pair: PublishedPair,
    truth: dict[str, Any],
    rows: Rows,
    npy: Callable[..., bytes],
    bearer: Callable[..., Any],
) -> None:
    """To the rounding that they are kept with; an older row by its intervals alone."""
    with hdf5.open_file(pair.folder / "test.h5") as file:
        zero = score_resampled(pair.manifest, hdf5.datasets(file), {"gradient": np.ones((1500, 2))})
    kept = {"pair_digest": pair.digest, "resamples": packed(zero), **zero.card.model_dump(include=_OF_CARD)}
    assert site.references is not None
    results.write(site.references / "c.json", [{**rows("DOT", 0.5)[0], **kept}])
    with TestClient(create_app(site)) as client:
        params = {"pair": pair.name, "method": "mine"}
        mine = client.post(
            "/v1/submissions", params=params, content=npy(truth["gradient"]), headers=bearer(site)
        ).json()
        same = client.post(
            "/v1/submissions", params=params | {"method": "same"}, content=npy(np.ones((1500, 2))), headers=bearer(site)
        ).json()
        ids = {row["method"]: row["id"] for row in board(client)}

        def compare(method: str, other: dict[str, Any]) -> Any:
            return client.get("/v1/compare", params={"a": ids[method], "b": other["id"]}).json()

        found = compare("DOT", mine)
        assert (
            found["metrics"]["cos"]["low"] < found["metrics"]["cos"]["difference"] < found["metrics"]["cos"]["high"] < 0
        )
        assert found["metrics"]["l2"]["tied"] is False
        assert found["missing"].keys() == {"dev", "w1_estimate", "w1_raw"}
        again = compare("DOT", same)["metrics"]
        assert again["cos"]["tied"] is again["l2"]["tied"] is True
        assert abs(again["cos"]["low"]) < 1e-5 > abs(again["cos"]["high"])
        assert found["metrics"]["cos"]["paired"] is True
        old = compare("LP", mine)["metrics"]["cos"]
        assert old["paired"] is False
        assert old["difference"] == pytest.approx(old["a"] - 1)
        assert old["low"] < old["difference"] < old["high"]
