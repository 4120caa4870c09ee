"""The pages for people show the rows of the leaderboard, escaped, and every link of theirs leads somewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.testclient import TestClient

from w1bench.scoring.metrics import METRICS
from w1bench_server.pairs.catalogue import PublishedPair
from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app

PAIR = "small-d2-n4-p8"
Problem = Callable[[Any, int], dict[str, Any]]


def test_the_home_page_shows_every_row_and_escapes_it(board: TestClient) -> None:
    for path in ("/", "/?metric=l2", f"/pairs/{PAIR}"):
        answer = board.get(path)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert ">nearly the truth</a>" in answer.text
        assert "<script" not in answer.text
        assert "x&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;" in answer.text
        assert answer.text.index(">nearly the truth</a>") < answer.text.index("x&lt;script&gt;")
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
