"""The documentation as a site: every link resolves, nothing comes from another host, its scripts are files, and the notebooks run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from typer.main import get_command

import w1bench
from support.browser import find_chromium
from support.files import ROOT
from support.shared import made_once
from w1bench.cli.main import app
from w1bench.recipes.families import ASKS
from w1bench_server.settings import Settings

SITE, NOTEBOOKS = ROOT / "docs" / "site", sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
LOADED = {
    "script": "src",
    "img": "src",
    "link": "href",
    "iframe": "src",
    "source": "src",
}  # what a page itself asks for


class Page(HTMLParser):
    """What a page loads and leads to, its anchors, and what stands in its scripts and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.inline: list[str] = []
        self._script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors |= {value for name in ("id", "name") if (value := found.get(name))}
        if address := found.get(LOADED.get(tag, "")):
            self.loaded.append(address)
        if tag == "a" and (address := found.get("href")):
            self.links.append(address)
        self._script = tag == "script" and "src" not in found and found.get("type") != "application/json"
        self.inline += [name for name in found if name.startswith("on") or name == "style"]

    def handle_data(self, data: str) -> None:
        if self._script:
            self.inline.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._script = False


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; the strict build fails on a link, an anchor or a page that is not there."""

    def make(folder: Path) -> None:
        command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
        environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
        done = subprocess.run(command, cwd=SITE, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    return made_once(tmp_path_factory, "docs", make)


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


def test_no_page_asks_another_host_for_anything(site: Path, pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        assert [address for address in page.loaded if urlsplit(address).netloc] == [], path
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", sheet.read_text(encoding="utf-8")), sheet


def test_no_page_needs_an_exception_in_a_content_security_policy(pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        assert page.inline == [], path


def test_all_that_pages_load_and_lead_to_is_there(site: Path, pages: dict[Path, Page]) -> None:
    assert len(pages) > 70
    for path, page in pages.items():
        for address in (*page.loaded, *page.links):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            place = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = place / "index.html" if place.is_dir() else place
            assert place.is_file(), (path, address)
            if parts.fragment and place in pages:
                assert unquote(parts.fragment) in pages[place].anchors, (path, address)


def test_the_search_has_every_page_and_works_without_a_server(site: Path) -> None:
    script = (site / "search" / "search_index.js").read_text(encoding="utf-8")
    index = json.loads(script.removeprefix("var __index = "))
    places = {entry["location"].partition("#")[0] for entry in index["docs"]}
    written = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert written - places <= {"datasets/results/tables.html"}  # figures alone, which hide what is looked for
    assert "iframe-worker" in (site / "index.html").read_text(encoding="utf-8")


def test_a_search_from_disk_finds_pages(site: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [find_chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path}", "--virtual-time-budget=60000", "--dump-dom",
         f"{(site / 'index.html').as_uri()}?q=congestion"],
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    assert re.search(r"[1-9]\d* matching documents", done.stdout)


def test_the_reference_has_every_command_name_setting_and_endpoint(site: Path) -> None:
    text = {
        name: (site / "reference" / f"{name}.html").read_text(encoding="utf-8")
        for name in ("commands", "python", "http", "settings")
    }
    sys.path.insert(0, str(SITE))
    try:
        reference: Any = import_module("reference")
    finally:
        sys.path.remove(str(SITE))
    for words, command in reference.leaves(get_command(app), "w1bench"):
        assert f">{words}<" in text["commands"]
        assert command.help, words
    for name in w1bench.__all__:
        assert name in text["python"]
    for name in Settings.model_fields:
        assert f"W1BENCH_{name.upper()}" in text["settings"]
    for path in json.loads((ROOT / "server/w1bench_server/web/api/openapi.json").read_text(encoding="utf-8"))["paths"]:
        assert path in text["http"]


def test_families_have_their_place_in_the_gallery_and_words_in_the_glossary() -> None:
    gallery, glossary = ((ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("gallery", "glossary"))
    for family in ASKS:
        assert f"`{family}`" in gallery
        assert family in glossary
    for word in (
        "funnel",
        "ray",
        "power",
        "half width",
        "probe",
        "track",
        "dev",
        "skill",
        "cos0",
        "pooled",
        "progress",
        "sealed",
        "round",
        "certificate",
    ):
        assert word in glossary.lower()


def test_every_picture_of_the_gallery_is_drawn_by_its_command() -> None:
    command = (SITE / "gallery.py").read_text(encoding="utf-8")
    for picture in (ROOT / "docs" / "gallery").iterdir():
        assert f'"{picture.stem}"' in command, picture
        assert f"gallery/{picture.name})" in (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
        assert picture.stat().st_size < 200_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_holds_no_machine(path: Path, tmp_path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|tmp|work|Users)/", text)
    assert len(text) < 400_000
    done = subprocess.run(
        [sys.executable, SITE / "notebooks.py", path.stem, "--dry-run"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    kinds = [output["output_type"] for cell in json.loads(text)["cells"] for output in cell.get("outputs", ())]
    assert "error" not in kinds
    assert kinds, "make notebooks writes what they print"
