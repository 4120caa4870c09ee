"""The documentation under /docs: a built folder under its own policy, or the page that says how to build one."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from w1bench.errors import InputError
from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(
        '<p>the first page</p><!--w1bench <a href="./..HOME">Boards</a> w1bench--><!-- a remark -->'
    )
    (folder / "assets" / "search.js").write_text("1;")
    return folder


def test_a_built_folder_is_served_with_its_scripts(settings: Settings, built: Path) -> None:
    with TestClient(create_app(settings.model_copy(update={"docs": built}))) as client:
        for path in ("/docs", "/docs/"):
            assert client.get(path, follow_redirects=False).headers["location"] == "/docs/index.html"
        page = client.get("/docs/index.html")
        assert page.text == '<p>the first page</p><a href="./../">Boards</a><!-- a remark -->'
        policy = page.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert client.get("/docs/assets/search.js").headers["content-type"].startswith("text/javascript")
        assert client.head("/docs/index.html").status_code == 200
        assert client.get("/docs/missing.html").status_code == 404
        assert client.get("/docs/../site/../secret").status_code == 404
        assert "unsafe" not in client.get("/").headers["content-security-policy"]


def test_without_one_the_page_says_how_to_build_it(settings: Settings) -> None:
    with TestClient(create_app(settings)) as client:
        answer = client.get("/docs")
        assert answer.status_code == 404
        assert "make docs\nW1BENCH_DOCS=build/docs w1bench serve" in answer.text
        assert "script-src" not in answer.headers["content-security-policy"]


def test_a_folder_without_documentation_is_refused_at_start(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no index\.html; build the documentation \(make docs\)"):
        create_app(settings.model_copy(update={"docs": tmp_path}))
