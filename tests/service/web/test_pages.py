"""The pages for people show the rows of the boards, escaped, complete without a script, and every link of theirs leads somewhere."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from typing import Any
from urllib.parse import urljoin

import pytest
from starlette.testclient import TestClient

from w1bench.scoring.diagnosis.plane import points_in
from w1bench.scoring.metrics import METRICS
from w1bench.site.board.choice import ORDERS, VIEWS
from w1bench.site.numbers import figure, number, with_error
from w1bench_server.database import connection as database
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.ledger.records import Entry
from w1bench_server.pairs.catalogue import PublishedPair, PublishedPairs
from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app
from w1bench_server.web.pages.answers import POLICY

PAIR = "small-d2-n4-p8"
HOSTILE = "x&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;"
BROWSER = {"Accept": "text/html,application/xhtml+xml"}
Problem = Callable[[Any, int], dict[str, Any]]


@pytest.mark.parametrize("path", ["/board", "/board?view=rows", "/board?view=map", f"/pairs/{PAIR}", "/users/ann"])
def test_pages_of_boards_show_every_row_in_its_order_and_escape_it(board: TestClient, path: str) -> None:
    answer = board.get(path)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == POLICY
    assert ">nearly the truth</a>" in answer.text
    assert "<script>" not in answer.text
    assert HOSTILE in answer.text
    assert answer.text.index(">nearly the truth</a>") < answer.text.index(f">{HOSTILE}")
    assert board.head(path).status_code == 200


def test_no_page_has_a_script_or_a_style_of_its_own(board: TestClient) -> None:
    row = board.get("/v1/leaderboard").json()["rows"][0]
    for path in (
        "/",
        "/board",
        "/pairs",
        f"/pairs/{PAIR}",
        f"/submissions/{row['id']}",
        "/compare",
        "/rounds",
        "/submit",
        "/jobs",
        "/admin",
    ):
        text = board.get(path).text
        assert not re.search(r"<script(?! src=\"/static/)|<style|\son[a-z]+=|\sstyle=", text), path
        assert not re.search(r"(src|href)=\"(https?:)?//", text), path


def test_the_home_page_says_what_this_is_and_leads_on(board: TestClient) -> None:
    text = board.get("/").text
    assert "Find out how wrong" in text
    assert 'href="/board"' in text
    assert "http://testserver" in text  # this server's address, in snippets
    for name in ("numpy", "torch", "JAX", "curl"):
        assert f"<h3>{name}</h3>" in text


def test_the_board_is_filtered_searched_and_ordered_by_its_address(board: TestClient, is_problem: Problem) -> None:
    def methods(query: str) -> list[str]:
        answer = board.get(f"/board?format=csv&{query}")
        assert answer.status_code == 200, query
        return [row["method"] for row in csv.DictReader(io.StringIO(answer.text)) if row["method"]]

    both = ["nearly the truth", "x<script>alert('1')</script>&"]
    assert methods("") == both
    assert methods("q=NEARLY") == both[:1]
    assert (
        methods("q=&family=&dim=&user=&reference=&trains=&knows_family=") == both
    )  # as a form without a script sends it
    assert methods("user=ann&reference=no&family=funnel&dim=2") == both
    for nothing in (
        "user=bob",
        "reference=yes",
        "family=shift",
        "dim=3",
        "trains=yes",
        "knows_family=no",
        "track=sealed",
        "q=zzz",
    ):
        assert methods(nothing) == [], nothing
    assert methods("sort=dev") == both[::-1]  # the second is better in dev alone
    assert methods("view=rows&sort=dev") == both[::-1]
    for order in ORDERS:
        for view in VIEWS:
            assert set(methods(f"sort={order}&view={view}")) == set(both)
    for wrong in ("sort=best", "view=all", "track=x", "page=0", "format=xml", "reference=maybe"):
        is_problem(board.get(f"/board?{wrong}"), 422)
    assert "<option selected>2</option>" in board.get("/board?dim=2").text


def test_what_is_shown_comes_as_json_and_latex_too(board: TestClient) -> None:
    rows = board.get("/board?view=rows&format=json").json()
    assert [row["rank"] for row in rows] == [1, 2]
    assert rows[0]["cos_low"] < rows[0]["cos"] < rows[0]["cos_high"]
    latex = board.get("/board?view=rows&format=latex").text
    assert r"\toprule" in latex
    assert "nearly the truth" in latex
    assert r"x<script>alert('1')</script>\&" in latex


def test_a_pair_s_page_shows_its_files_and_figures(board: TestClient, pair: PublishedPair) -> None:
    text = board.get(f"/pairs/{PAIR}").text
    for name, file in pair.manifest.files.items():
        assert f'href="/v1/pairs/{PAIR}/files/{name}"' in text
        assert file.sha256 in text
    for entry in pair.manifest.certificate:
        assert entry.name in text
    assert with_error(*pair.manifest.known_w1[:2]) in text
    assert "uniform on the cube" in text
    assert "gets cos" in text  # the trivial critics


def test_a_submission_s_page_is_its_scorecard_and_its_place(board: TestClient) -> None:
    rows = board.get("/v1/leaderboard").json()["rows"]
    for row, other in zip(rows, rows[::-1], strict=True):
        text = board.get(f"/submissions/{row['id']}").text
        assert all(name in text for name in METRICS)
        assert "Zero gradients" in text
        assert f"<strong>{row['rank']}<small> of 2</small>" in text
        assert f'href="/submissions/{other["id"]}"' in text  # the nearest row
        assert f"{row['metrics']['cos']['value']:.2f}".removeprefix("-") in text


def test_a_submission_in_the_plane_shows_its_field_beside_the_truth_in_figures(board: TestClient) -> None:
    row = board.get("/v1/leaderboard").json()["rows"][1]  # the truth turned round
    points = points_in(board.get(f"/v1/submissions/{row['id']}").json()["scorecard"]["plane"])
    text = board.get(f"/submissions/{row['id']}").text
    assert 'data-chart="field"' in text
    assert 'data-chart="potentials"' in text
    table = text.partition('id="plane"')[2].partition("</table>")[0]
    cells = re.findall(r"<td>(.*?)</td>", table)
    assert len(cells) == 5 * len(points) > 500
    assert cells[1] == ", ".join(map(number, points[0].true_gradient))
    assert cells[2] == ", ".join(map(number, points[0].gradient))
    assert cells[3:5] == [number(points[0].true_value or 0), number(points[0].value or 0)]


def test_two_rows_are_compared_over_the_same_points(board: TestClient) -> None:
    a, b = (row["id"] for row in board.get("/v1/leaderboard").json()["rows"])
    text = board.get(f"/compare?a={a}&b={b}").text
    found = board.get(f"/v1/compare?a={a}&b={b}").json()["metrics"]
    assert f"{found['l2']['difference']:.3f}".replace("-", "\u2212")[:4] in text
    assert "neither: noise alone explains it" in text or not any(d and d["tied"] for d in found.values())
    assert "Choose a pair" in board.get("/compare?pair=small-photos").text


def test_the_commands_of_the_form_take_its_fields_and_say_which_is_wrong(board: TestClient) -> None:
    fields = (
        "paper=&code=&description=&seed=3&steps=&seconds=&data=fresh&hardware=&parameters=&trains=false&knows_family="
    )
    text = unescape(board.get(f"/submit?pair={PAIR}&method=a+b&{fields}").text)
    assert f"w1bench submit {PAIR} mine.npy --method 'a b' --seed 3 --data fresh --no-trains\n" in text
    assert f"/v1/submissions?pair={PAIR}&method=a+b&seed=3&data=fresh&trains=false" in text
    for wrong, said in (
        ("seed=x", "seed came as 'x'"),
        ("seed=-1", "a whole number from 0"),
        ("data=mine", "data came as 'mine'"),
    ):
        answer = board.get(f"/submit?pair={PAIR}&{wrong}", headers=BROWSER)
        assert answer.status_code == 422
        assert said in unescape(answer.text)


def test_a_method_s_page_shows_its_own_values_pair_by_pair(
    settings: Settings, pair: PublishedPair, make_entry: Callable[..., Entry]
) -> None:
    other = PublishedPairs(settings.archive).get("small-d16-n64-p8")
    with database.opened(settings) as engine:
        for of, native in ((pair, 1.375), (other, 2.625)):
            entry = make_entry(of.name, pair=of.name, digest=of.digest, cos=0.5)
            said = {"native_value": native, "steps": 7} | ({"own_value": -0.125} if of is other else {})
            Ledger(engine).append(replace(entry, metadata=said))
    with TestClient(create_app(settings)) as client:
        text = client.get("/method?name=mine&user=ann").text
    facts, _, table = text.partition("<h2>2 rows</h2>")
    assert "Native value" not in facts
    assert "Steps" not in facts
    rows = {name: table.partition(f">{name}</a>")[2].partition("</tr>")[0] for name in (PAIR, other.name)}
    figures = {
        name: re.findall(r'data-label="(?:W1|Native value|Own value|Steps)"[^>]*>(.*?)</td>', row)
        for name, row in rows.items()
    }
    assert figures == {
        PAIR: [f"{pair.manifest.w1:.4g}", "1.375", "–", "7"],
        other.name: [f"{other.manifest.w1:.4g}", "2.625", "-0.125", "7"],
    }


def test_rows_of_metric_version_1_say_that_it_has_no_skill_and_what_gives_them_one(
    settings: Settings, pair: PublishedPair, make_entry: Callable[..., Entry]
) -> None:
    with database.opened(settings) as engine:
        for name in ("a", "b"):
            entry = make_entry(name, method=name, digest=pair.digest, cos=0.5, l2=1.0)
            card = entry.score.card.model_copy(update={"metric_version": 1})
            Ledger(engine).append(replace(entry, scorecard=card.model_dump_json()))
    with TestClient(create_app(settings)) as client:
        said = client.get("/v1/compare?a=a&b=b").json()["missing"]["skill"]
        assert said.startswith("metric version 1, by which a was scored, does not have it; ")
        assert "`w1bench trial`" in said
        text = client.get("/compare?a=a&b=b").text
        assert said.replace("`", "") in text
        assert "w1_raw: it was not computed" in text  # which that version has


def test_what_is_retracted_says_so_and_why(
    settings: Settings, truth: dict[str, Any], npy: Callable[..., bytes], bearer: Callable[..., Any]
) -> None:
    with TestClient(create_app(settings)) as client:
        headers = bearer(settings)
        params = {"pair": PAIR, "method": "mine", "paper": "https://example.org/p", "seconds": 7200, "trains": True}
        row = client.post("/v1/submissions", params=params, content=npy(-truth["gradient"]), headers=headers).json()
        said = client.get(f"/submissions/{row['id']}").text
        assert "2 h" in said
        assert 'href="https://example.org/p"' in said
        client.post(f"/v1/submissions/{row['id']}/retract", params={"reason": "a <wrong> sign"}, headers=headers)
        for path in (f"/submissions/{row['id']}", f"/pairs/{PAIR}", "/users/ann"):
            assert "a &lt;wrong&gt; sign" in client.get(path).text, path
        assert "Retracted" in client.get(f"/submissions/{row['id']}").text
        assert client.get("/method", params={"name": "mine", "user": "ann"}).status_code == 404


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
        assert '= "https://w1.example.org"' in unescape(client.get("/").text)


def test_problems_are_pages_for_browsers_and_documents_for_programs(board: TestClient, is_problem: Problem) -> None:
    for path, status in (
        ("/pairs/none", 404),
        ("/nothing", 404),
        ("/board?sort=x", 422),
        ("/users/nobody", 404),
        ("/jobs/x", 404),
        ("/submissions/x", 404),
    ):
        document = is_problem(board.get(path), status)
        answer = board.get(path, headers=BROWSER)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
        assert answer.headers["content-security-policy"] == POLICY
        assert document["title"] in answer.text
        assert answer.headers["x-request-id"] in answer.text
    is_problem(board.post("/v1/submissions", headers=BROWSER), 401)  # no page is asked for by POST


def test_every_link_of_a_page_leads_somewhere(board: TestClient) -> None:
    seen = {"/"}
    queue = ["/"]
    while queue:
        answer = board.get(queue.pop())
        assert answer.status_code == 200, answer.url
        if answer.headers["content-type"].startswith("text/html"):
            links = {
                str(answer.url.join(link.replace("&amp;", "&")).raw_path, "ascii")
                for link in re.findall(r'(?:href|src)="([^"]*)"', answer.text)
            }
            new = links - seen
            seen |= new
            queue += new
    assert len(seen) > 40


def test_figures_have_the_digits_that_their_errors_leave() -> None:
    from w1bench.scoring.scorecard import Interval

    assert figure(Interval(value=0.123456, low=0.12, high=0.13)) == "0.123"
    assert figure(Interval(value=0.123456, low=0.10, high=0.15)) == "0.12"
    assert figure(Interval(value=-41.2345, low=-60, high=-20)) == "\u221241"
    assert figure(Interval(value=2.4e11, low=2e11, high=3e11)) == "2.4e11"
    assert figure(Interval(value=-0.0001, low=-0.01, high=0.01)) == "0.00"
    assert figure(None) == "–"
    assert with_error(1.0260176, 0.000086) == "1.02602 ± 0.00009"
    assert with_error(4.666666666, 0.0) == "4.666667 (exact)"


def test_long_boards_have_pages(board: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("w1bench.site.views.PAGE_ROWS", 1)
    for path in ("/board?view=rows", "/pairs/small-d2-n4-p8"):
        methods: list[str] = []
        while path:
            text = board.get(path).text
            methods += re.findall(r'<tr[^>]* data-method="([^"]*)"', text)
            following = re.search(r'<a rel="next" href="([^"]*)"', text)
            path = urljoin(path, unescape(following[1])) if following else ""
        assert methods == ["nearly the truth", "x&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;"]
