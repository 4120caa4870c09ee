"""The leaderboard over HTTP, and its pages: the same rows as JSON, CSV and HTML."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from w1bench.scoring.metrics import METRICS
from w1bench_server.pairs.published import PublishedPair
from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app
from w1bench_server.web.auth.tokens import create_token

PAIR = "small-d2-n4-p8"
METHODS = {"truth": 1.0, "x<script>alert('1')</script>&": -1.0}
Problem = Callable[[Any, int], dict[str, Any]]


@pytest.fixture(scope="module")
def board(
    archive: Any, tmp_path_factory: pytest.TempPathFactory, truth: dict[str, Any], h5: Callable[..., bytes]
) -> Iterator[TestClient]:
    """A service with a submission of each method; the second is better in dev alone."""
    settings = Settings(archive=archive, data=tmp_path_factory.mktemp("board"), min_free_bytes=0)
    headers = {"Authorization": f"Bearer {create_token(settings, user='ann')}"}
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        for method, sign in METHODS.items():
            shift = 0.1 if sign > 0 else 0.0
            arrays = truth | {"gradient": sign * truth["gradient"], "input_potential": truth["input_potential"] + shift}
            params = {"pair": PAIR, "method": method}
            assert client.post("/v1/submissions", params=params, content=h5(arrays), headers=headers).status_code == 201
        yield client


def test_rows_are_ranked_by_the_metric(board: TestClient) -> None:
    truth, worse = METHODS
    for metric, order in (("cos", [(1, truth), (2, worse)]), ("l2", [(1, truth), (2, worse)])):
        document = board.get("/v1/leaderboard", params={"metric": metric}).json()
        assert document["metric"] == metric
        assert [(row["rank"], row["method"]) for row in document["rows"]] == order
    by_dev = board.get("/v1/leaderboard?metric=dev").json()["rows"]
    assert [(row["rank"], row["method"]) for row in by_dev] == [(2, worse), (1, truth)]
    row = by_dev[0]
    assert set(row) == {
        "rank", "tied", "pair", "method", "user", "id", "url", "submitted_at", "reference", "metrics", "diagnosis",
    }  # fmt: skip
    assert set(row["metrics"]) == set(METRICS)
    submission = board.get(f"/v1/submissions/{row['id']}").json()
    assert (row["metrics"], row["diagnosis"]) == tuple(submission["scorecard"][k] for k in ("metrics", "diagnosis"))
    assert row["url"] == submission["url"] == f"/submissions/{row['id']}"


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


def test_the_home_page_shows_every_row_and_escapes_it(board: TestClient) -> None:
    for path in ("/", "/?metric=l2", f"/pairs/{PAIR}"):
        answer = board.get(path)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert ">truth</a>" in answer.text
        assert "<script" not in answer.text
        assert "x&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;" in answer.text
        assert answer.text.index(">truth</a>") < answer.text.index("x&lt;script&gt;")
        assert board.head(path).status_code == 200
    assert f'href="/pairs/{PAIR}"' in board.get("/").text
    assert 'href="/pairs/small-photos"' in board.get("/").text


def test_pages_never_order_by_dev(board: TestClient, is_problem: Problem) -> None:
    is_problem(board.get("/?metric=dev"), 422)
    assert "metric=dev" not in board.get("/").text


def test_a_pair_s_page_shows_its_files_and_figures(board: TestClient, pair: PublishedPair) -> None:
    text = board.get(f"/pairs/{PAIR}").text
    for name, file in pair.manifest.files.items():
        assert f'href="/v1/pairs/{PAIR}/files/{name}"' in text
        assert file.sha256 in text
    for figure in pair.manifest.certificate:
        assert figure.name in text
    assert f"{pair.manifest.w1:.8g}" in text


def test_a_submission_s_page_is_its_scorecard(board: TestClient) -> None:
    for row in board.get("/v1/leaderboard").json()["rows"]:
        text = board.get(f"/submissions/{row['id']}").text
        assert all(name in text for name in METRICS)
        assert "zero gradients" in text
        assert f"{row['metrics']['cos']['value']:.5g}" in text
        assert "<script" not in text


def test_the_address_of_a_row_is_where_the_world_sees_it(
    settings: Settings, truth: dict[str, Any], npy: Callable[..., bytes], bearer: Callable[..., Any]
) -> None:
    public = settings.model_copy(update={"public_url": "https://w1.example.org"})
    with TestClient(create_app(public)) as client:
        params = {"pair": PAIR, "method": "mine"}
        row = client.post(
            "/v1/submissions", params=params, content=npy(truth["gradient"]), headers=bearer(public)
        ).json()
        assert row["url"] == f"https://w1.example.org/submissions/{row['id']}"


def test_every_link_of_a_page_leads_somewhere(board: TestClient) -> None:
    import re

    seen = {"/"}
    queue = ["/"]
    while queue:
        answer = board.get(queue.pop())
        assert answer.status_code == 200, answer.url
        if answer.headers["content-type"].startswith("text/html"):
            links = {
                str(answer.url.join(link).raw_path, "ascii") for link in re.findall(r'href="([^"]*)"', answer.text)
            }
            new = {link.replace("&amp;", "&") for link in links} - seen
            seen |= new
            queue += new
    assert len(seen) > 10
