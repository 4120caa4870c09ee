"""The leaderboard over HTTP: ranks, ties, retractions, tracks, earlier boards, comparisons and badges."""

from __future__ import annotations

import csv
import io
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import h5py
import numpy as np
import pytest
from starlette.testclient import TestClient

from support.forks import command
from support.servers import serving
from w1bench.client.service.boards import leaderboard, leaderboard_csv
from w1bench.client.service.connection import Service
from w1bench.scoring.metrics import METRICS
from w1bench_server.database import connection as database
from w1bench_server.ledger.chain import check_chain
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.ledger.records import Entry
from w1bench_server.settings import Settings

PAIR = "small-d2-n4-p8"
DATABASES = ("sqlite", "postgresql")
HD, WIDE, BALL = PAIR, "small-d16-n64-p8", "small-ball-d2-p8"
Problem = Callable[[Any, int], dict[str, Any]]
Header = Callable[..., dict[str, str]]


@dataclass(frozen=True)
class Site:
    """A service, and how to submit to it."""

    client: TestClient
    settings: Settings
    bearer: Header

    def submit(
        self, pair: str, method: str, *, noise: float, draw: int = 0, user: str = "ann", status: int = 201, **said: Any
    ) -> dict[str, Any]:
        """A gradient that is the truth with so much noise on it."""
        with h5py.File(self.settings.archive / pair / "test.h5") as file:
            truth = file["gradient"][:].astype(np.float32)
        stream = io.BytesIO()
        np.save(
            stream, truth + np.float32(noise) * np.random.default_rng(draw).standard_normal(truth.shape, np.float32)
        )
        headers, params = self.bearer(self.settings, user), {"pair": pair, "method": method, **said}
        answer = self.client.post("/v1/submissions", params=params, content=stream.getvalue(), headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    def board(self, **params: Any) -> dict[str, Any]:
        answer = self.client.get("/v1/leaderboard", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ranks(self, **params: Any) -> list[tuple[int | None, str]]:
        return [(row["rank"], row["method"]) for row in self.board(**params)["rows"]]


@pytest.fixture
def site(client: TestClient, settings: Settings, bearer: Header) -> Site:
    return Site(client, settings, bearer)


def retract(site: Site, row: dict[str, Any], reason: str, **token: Any) -> Any:
    headers = site.bearer(site.settings, **token)
    return site.client.post(f"/v1/submissions/{row['id']}/retract", params={"reason": reason}, headers=headers)


def test_noise_shares_a_rank_and_skill_does_not(site: Site) -> None:
    for seed in range(3):
        site.submit(HD, f"noisy {seed}", noise=0.3, draw=seed, user=f"user{seed}")
    site.submit(HD, "better", noise=0.2, draw=9)
    for metric in ("cos", "l2"):
        rows = site.board(metric=metric)["rows"]
        assert [(row["rank"], row["tied"]) for row in rows] == [(1, False), (2, True), (2, True), (2, True)]
        assert rows[0]["method"] == "better"
    page = site.client.get(f"/pairs/{HD}").text
    assert len(re.findall(r"<td [^>]*class=\"number\"><span [^>]*>=</span>2</td>", page)) == 3
    assert re.search(r'<td [^>]*class="number">1</td>', page)


def test_a_retraction_is_public_and_its_owner_s_or_an_admin_s(site: Site, is_problem: Problem) -> None:
    best, other = site.submit(HD, "best", noise=0.1), site.submit(HD, "other", noise=0.5)
    is_problem(retract(site, best, "not mine", user="bob"), 403)
    is_problem(site.client.post(f"/v1/submissions/{best['id']}/retract", params={"reason": "no token"}), 401)
    is_problem(retract(site, {"id": "0" * 32}, "nothing"), 404)
    for nonsense in ("", "two\nlines", "\0", "x" * 501):
        is_problem(retract(site, best, nonsense), 422)
    assert site.ranks() == [(1, "best"), (2, "other")]
    answer = retract(site, best, "trained on <test> points")
    assert answer.status_code == 200
    retraction = answer.json()["retraction"]
    assert (retraction["user"], retraction["reason"]) == ("ann", "trained on <test> points")
    assert answer.json() == best | {"retraction": retraction}
    assert retract(site, best, "again", user="bob", scope="admin").json() == answer.json()
    assert site.client.get(f"/v1/submissions/{best['id']}").json() == answer.json()
    assert site.ranks() == [(1, "other")]
    (shown,) = site.board()["retracted"]
    assert (shown["id"], shown["method"], shown["retraction"]) == (best["id"], "best", retraction)
    for page in (f"/pairs/{HD}", "/users/ann", f"/submissions/{best['id']}"):
        assert "trained on &lt;test&gt; points" in site.client.get(page).text
    assert retract(site, other, "by the operator", user="pat", scope="admin").status_code == 200
    assert site.ranks() == []
    assert "by the operator" in site.client.get(f"/pairs/{HD}").text
    with database.opened(site.settings) as engine:
        check_chain(Ledger(engine).rows())


def test_the_board_as_it_was(site: Site, is_problem: Problem) -> None:
    first = site.submit(HD, "first", noise=0.5)
    time.sleep(0.01)
    second = site.submit(HD, "second", noise=0.1)
    retract(site, second, "a mistake")
    now, before = site.board(), [site.board(as_of=seq) for seq in range(4)]
    assert [board["as_of"] for board in before] == [0, 1, 2, 3]
    assert before[3] == now
    assert [len(board["rows"]) for board in before] == [0, 1, 2, 1]
    assert site.ranks(as_of=2) == [(1, "second"), (2, "first")]
    assert before[2]["retracted"] == []
    for written in (first["submitted_at"], first["submitted_at"].replace("+00:00", "Z"), first["submitted_at"][:-6]):
        assert site.board(as_of=written) == before[1]
    unescaped = site.client.get(f"/v1/leaderboard?as_of={first['submitted_at']}")
    assert unescaped.json() == before[1]
    assert site.board(as_of="2020-01-01T00:00:00Z")["rows"] == []
    assert site.board(as_of="2999-01-01")["rows"] == now["rows"]
    for nonsense in ("yesterday", "-1", "1e9", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "\0"):
        problem = is_problem(site.client.get("/v1/leaderboard", params={"as_of": nonsense}), 422)
        assert problem["errors"][0]["pointer"] == "#/query/as_of"


def test_a_track_averages_ranks_and_counts_pairs(site: Site, is_problem: Problem) -> None:
    for pair, noises in {HD: (0.1, 0.5), WIDE: (0.5, 0.1), BALL: (0.1, 0.5)}.items():
        for method, noise in zip(("x", "y"), noises, strict=True):
            site.submit(pair, method, noise=noise, user=method)
    site.submit(BALL, "balls", noise=0.01, user="balls")
    hd = site.board(track="hd")
    assert {row["pair"] for row in hd["rows"]} == {HD, WIDE}
    assert [
        (row["rank"], row["method"], row["user"], row["mean_rank"], row["pairs"], row["families"], row["worst_family"])
        for row in hd["methods"]
    ] == [(1, method, method, 1.5, 2, 1, "funnel") for method in ("x", "y")]
    assert all(row["skill"] == row["worst_skill"] for row in hd["methods"])
    ball = site.board(track="ball")["methods"]
    assert [(row["rank"], row["method"], row["mean_rank"]) for row in ball] == [
        (1, "balls", 1),
        (2, "x", 2),
        (3, "y", 3),
    ]
    assert site.board(track="images")["methods"] == site.board(track="sealed")["rows"] == []
    everything = site.board(track="open")
    assert everything["rows"] == site.board()["rows"]
    assert [(row["method"], row["pairs"]) for row in everything["methods"]] == [("x", 2), ("y", 2)]  # and no control
    assert {row["pair"] for row in site.board(dim=16)["rows"]} == {WIDE}
    assert site.board(family="ball")["methods"] == ball
    assert site.board(family="funnel", track="hd")["rows"] == hd["rows"]
    assert site.board(family="smooth")["rows"] == site.board(family="smooth")["methods"] == []
    assert site.board(dim=2, pair=WIDE)["rows"] == []
    sheet = list(csv.DictReader(io.StringIO(site.client.get("/v1/leaderboard?track=ball&format=csv").text)))
    assert [{**row, "rank": int(row["rank"])} for row in sheet] == [
        {name: value if name == "rank" else "" if value is None else str(value) for name, value in row.items()}
        for row in ball
    ]
    for query in ("track=videos", "dim=0"):
        is_problem(site.client.get(f"/v1/leaderboard?{query}"), 422)


def test_two_submissions_are_compared(site: Site, is_problem: Problem) -> None:
    a, b, elsewhere = (
        site.submit(HD, "a", noise=0.1), site.submit(HD, "b", noise=0.5), site.submit(WIDE, "a", noise=0.1),
    )  # fmt: skip
    document = site.client.get("/v1/compare", params={"a": a["id"], "b": b["id"]}).json()
    assert (document["pair"], document["a"], document["b"]) == (HD, a["id"], b["id"])
    assert set(document["metrics"]) == set(METRICS)
    cos = document["metrics"]["cos"]
    assert cos["difference"] == cos["a"] - cos["b"] > 0
    assert cos["low"] < cos["difference"] < cos["high"]
    assert cos["tied"] is False
    assert document["metrics"]["dev"] is None
    swapped = site.client.get("/v1/compare", params={"a": b["id"], "b": a["id"]}).json()["metrics"]["cos"]
    assert swapped["difference"] == -cos["difference"]
    is_problem(site.client.get("/v1/compare", params={"a": a["id"], "b": elsewhere["id"]}), 422)
    is_problem(site.client.get("/v1/compare", params={"a": a["id"], "b": "\0"}), 404)
    is_problem(site.client.get("/v1/compare", params={"a": a["id"]}), 422)


def test_a_badge_is_a_picture_of_a_method_s_rank(site: Site, is_problem: Problem) -> None:
    name = "W/GAN <&> 1"
    site.submit(HD, name, noise=0.1)
    site.submit(HD, "other", noise=0.01)
    site.submit(WIDE, "other", noise=0.01)
    answer = site.client.get("/badge/other.svg")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert ElementTree.fromstring(answer.text).attrib["aria-label"] == "w1bench: rank 1 on 2 pairs"
    quoted = site.client.get("/badge/W%2FGAN%20%3C%26%3E%201.svg")
    assert ElementTree.fromstring(quoted.text).attrib["aria-label"] == "w1bench: rank 2 on 1 pair"
    is_problem(site.client.get("/badge/nobody.svg"), 404)


def test_rows_are_ranked_by_the_metric(board: TestClient, methods: tuple[str, ...]) -> None:
    truth, worse = methods
    for metric, order in (("cos", [(1, truth), (2, worse)]), ("l2", [(1, truth), (2, worse)])):
        document = board.get("/v1/leaderboard", params={"metric": metric}).json()
        assert document["metric"] == metric
        assert [(row["rank"], row["method"]) for row in document["rows"]] == order
    by_dev = board.get("/v1/leaderboard?metric=dev").json()["rows"]
    assert [(row["rank"], row["method"]) for row in by_dev] == [(2, worse), (1, truth)]
    row = by_dev[0]
    assert set(row) == {
        "rank", "tied", "pair", "method", "user", "id", "url", "submitted_at", "reference", "tries", "seeds", "truth", "metadata", "metrics", "diagnosis", "findings",
    }  # fmt: skip
    assert set(row["metrics"]) == set(METRICS)
    submission = board.get(f"/v1/submissions/{row['id']}").json()
    assert (row["metrics"], row["diagnosis"]) == tuple(submission["scorecard"][k] for k in ("metrics", "diagnosis"))
    assert row["url"] == submission["url"] == f"/submissions/{row['id']}"


def test_seeds_of_a_method_are_one_row(site: Site) -> None:
    """Their mean, over what says the same of itself but for the run; the newest of each seed."""
    said = {"steps": 100, "data": "fresh"}
    site.submit(HD, "old", noise=0.1, steps=50)
    for seed in range(3):
        site.submit(HD, "old", noise=0.3, draw=seed, **said, seed=seed)
    first = site.submit(HD, "old", noise=0.3, draw=9, **said, seed=0, seconds=1.5, hardware="a processor")
    site.submit(HD, "single", noise=0.3, draw=3, user="bob")
    rows = {row["method"]: row for row in site.board()["rows"]}
    assert [(row["seeds"], row["tries"], row["rank"], row["tied"]) for row in (rows["old"], rows["single"])] == [
        (3, 5, 1, True),
        (1, 1, 1, True),
    ]
    assert rows["old"]["id"] == first["id"]
    assert {name: value for name, value in rows["old"]["metadata"].items() if value is not None} == {
        **said, "seed": 0, "seconds": 1.5, "hardware": "a processor",
    }  # fmt: skip
    single = rows["single"]["metrics"]["cos"]
    pooled = rows["old"]["metrics"]["cos"]
    assert pooled["value"] != first["scorecard"]["metrics"]["cos"]["value"]
    assert pooled["high"] - pooled["low"] > single["high"] - single["low"]
    page = site.client.get(f"/pairs/{HD}").text
    assert re.search(
        r'<td [^>]*class="number">3 <small title="Submissions of this method, these included">of 5</small></td>', page
    )


def test_what_a_submission_says_of_itself_is_checked(site: Site) -> None:
    for said in (
        {"seed": -1},
        {"steps": "many"},
        {"data": "test"},
        {"seconds": "inf"},
        {"paper": "a\nb"},
        {"code": "x" * 301},
        {"trains": "perhaps"},
    ):
        problem = site.submit(HD, "mine", noise=0.3, status=422, **said)
        assert problem["errors"][0]["pointer"] == f"#/query/{next(iter(said))}"


def test_the_stored_truth_is_marked_and_has_no_rank(site: Site) -> None:
    """Whatever its size; what is nearly the truth ranks."""
    site.submit(HD, "stored", noise=0.0)
    near = site.submit(HD, "near", noise=0.01)
    rows = site.board()["rows"]
    assert [(row["method"], row["rank"], row["truth"]) for row in rows] == [("near", 1, False), ("stored", None, True)]
    assert not near["scorecard"]["truth"]
    assert "It holds the stored truth, and is not ranked" in site.client.get(f"/pairs/{HD}").text


def test_one_pair_or_all(board: TestClient, is_problem: Problem) -> None:
    assert board.get(f"/v1/leaderboard?pair={PAIR}").json() == board.get("/v1/leaderboard").json()
    empty = board.get("/v1/leaderboard?pair=small-photos").json()
    assert (empty["rows"], empty["methods"], empty["retracted"]) == ([], None, [])
    is_problem(board.get("/v1/leaderboard?pair=nothing"), 404)
    is_problem(board.get("/v1/leaderboard?metric=accuracy"), 422)


def test_csv_holds_the_same_figures(board: TestClient) -> None:
    answer = board.get("/v1/leaderboard?format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    for row, expected in zip(rows, board.get("/v1/leaderboard").json()["rows"], strict=True):
        assert (row["rank"], row["method"], row["url"]) == (str(expected["rank"]), expected["method"], expected["url"])
        for metric, interval in expected["metrics"].items():
            assert [float(row[metric + suffix]) for suffix in ("", "_low", "_high")] == list(interval.values())


def test_a_long_board_comes_in_parts(site: Site, is_problem: Problem) -> None:
    """As JSON and CSV, which show the board as it was at the first."""
    for pair in (HD, WIDE):
        for method in "xyz":
            site.submit(pair, method, noise=ord(method) / 200)
    whole, sheet = site.board(), site.client.get("/v1/leaderboard?format=csv").text.splitlines()
    assert whole["next"] is None
    pages, lines = [site.board(limit=4)], [site.client.get("/v1/leaderboard?format=csv&limit=4")]
    site.submit(WIDE, "late", noise=0.01)
    pages.append(site.board(limit=4, cursor=pages[0]["next"]))
    lines.append(site.client.get(str(lines[0].url.join(lines[0].links["next"]["url"]).raw_path, "ascii")))
    assert [row for page in pages for row in page["rows"]] == whole["rows"]
    assert [len(page["rows"]) for page in pages] == [4, 2]
    assert [page["as_of"] for page in pages] == [6, 6]
    assert pages[1]["next"] is None
    assert "next" not in lines[1].links
    assert [*lines[0].text.splitlines(), *lines[1].text.splitlines()[1:]] == sheet
    methods = [site.board(track="open", limit=3)]
    methods.append(site.board(track="open", limit=3, cursor=methods[0]["next"]))
    assert [(len(page["methods"]), len(page["rows"])) for page in methods] == [(3, 0), (1, 2)]
    assert len(site.client.get("/v1/leaderboard?track=open&format=csv&limit=9").text.splitlines()) == 1 + 4
    for nonsense in ("x", "MSAyIDM0IDU", "AAAA"):
        is_problem(site.client.get("/v1/leaderboard", params={"cursor": nonsense}), 400)
    is_problem(site.client.get("/v1/leaderboard?limit=501"), 400)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_the_client_reads_all_parts(settings: Settings, make_entry: Callable[..., Entry]) -> None:
    with database.opened(settings) as engine:
        for number in range(501):
            Ledger(engine).append(make_entry(f"{number}", method=f"{number}", cos=number / 501))
    with serving(settings) as (_, http):
        service = Service(str(http.base_url))
        board = leaderboard(service)
        assert [row["method"] for row in board["rows"]] == [f"{number}" for number in reversed(range(501))]
        sheet = list(csv.DictReader(io.StringIO(leaderboard_csv(service))))
        assert [row["method"] for row in sheet] == [row["method"] for row in board["rows"]]


def test_a_method_s_name_belongs_to_its_first_user(site: Site) -> None:
    """On all pairs, also when it is retracted, and also where another user's only looks the same."""
    retract(site, site.submit(HD, "Sinkhorn 10", noise=0.3), "a mistake")
    for name in ("Sinkhorn 10", "sinkhorn  1O"):
        for pair in (HD, BALL):
            problem = site.submit(pair, name, noise=0.1, user="bob", status=409)
            assert "another user" in problem["detail"]
            assert problem["errors"][0]["pointer"] == "#/query/method"
    site.submit(BALL, "Sinkhorn 10", noise=0.3)
    site.submit(BALL, "Sinkhorn 20", noise=0.1, user="bob")
    assert "rank 2 on 1 pair" in site.client.get("/badge/Sinkhorn 10.svg").text


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_who_sends_a_retracted_file_again_is_told(settings: Settings, bearer: Header, tmp_path: Path) -> None:
    with h5py.File(settings.archive / HD / "test.h5") as file:
        np.save(tmp_path / "g.npy", file["gradient"][:])
    with serving(settings) as (_, http):
        headers = bearer(settings)
        token = {
            "W1BENCH_TOKEN": headers["Authorization"].removeprefix("Bearer "),
            "W1BENCH_SERVER": str(http.base_url),
        }

        def submit() -> str:
            words = ("submit", HD, tmp_path / "g.npy", "--method", "mine")
            done = command(*words, environment=os.environ | token)
            assert done.returncode == 0, done.stderr
            return done.stdout

        assert "retracted" not in submit()
        identity = http.get("/v1/leaderboard").json()["rows"][0]["id"]
        http.post(f"/v1/submissions/{identity}/retract", params={"reason": "a <typo>"}, headers=headers)
        again = submit()
        assert "was retracted by ann on " in again
        assert "a <typo>" in again
        assert "does not rank" in again
