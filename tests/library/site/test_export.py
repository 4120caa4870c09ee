"""The static twin: served by any host, fetched from, read in a browser, and never written over what is something else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import filelock
import pytest
from markupsafe import escape

from support.browser import find_chromium
from support.files import contents
from support.recipes import FAMILIES, RECIPES, SEALED, Sealed
from support.static_host import StaticHost, static_host
from w1bench.archive import fetch as fetching
from w1bench.archive.catalogue import catalogue
from w1bench.archive.fetch import fetch, remote_catalogue
from w1bench.archive.manifest import read_published_manifest
from w1bench.archive.reveal import reveal
from w1bench.builder.build import build
from w1bench.builder.verify import verify
from w1bench.client.service.boards import leaderboard
from w1bench.client.service.connection import Service
from w1bench.client.service.submissions import show
from w1bench.errors import CheckFailedError, InputError, PairError
from w1bench.site.export import MARK, export
from w1bench.site.numbers import with_error
from w1bench.trials.results import FORMAT

NAME = "small-d2-n4-p8"
HOSTILE = "<script>alert(1)</script>"
_NO_NETWORK = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic")


def results(archive: Path, path: Path) -> Path:
    """Three rows: one of a pair as it is, one that diverged, one of a pair that is not there."""
    rows: list[dict[str, Any]] = [
        {
            "method": method, "pair": pair, "recipe_sha256": read_published_manifest(archive / NAME).recipe_sha256, "seed": 0, "steps": 5,
            "seconds": 0.5, "outcome": "finished" if cos else "diverged",
            "metrics": {"cos": {"value": cos, "low": 0.1, "high": 0.9}} if cos else None, "data": "fresh", "settings": {},
            "law": pair, "w1": 1.0, "dual_value": None,
        }
        for method, pair, cos in (("lp", NAME, 0.625), (HOSTILE, NAME, None), ("gone", "gone-d2", 0.5))
    ]  # fmt: skip
    path.write_text(json.dumps({"format": FORMAT, "rows": rows}))
    return path


@pytest.fixture(scope="module")
def twin(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export with a leaderboard; tests must not change it."""
    folder = tmp_path_factory.mktemp("export")
    export(archive, folder / "site", results=[results(archive, folder / "results.json")])
    return folder / "site"


@pytest.fixture
def host(twin: Path) -> Iterator[StaticHost]:
    with static_host(twin) as host:
        yield host


def test_the_twin_is_the_archive_with_pages(archive: Path, twin: Path) -> None:
    there, here = contents(archive), contents(twin)
    for name in there:
        if not Path(name).name.startswith("."):
            assert here[name] == there[name], name
    added = here.keys() - there.keys()
    fixed = {
        "index.html",
        "pairs.html",
        "rounds.html",
        "board.html",
        "board-sealed.html",
        "board-map.html",
        "board-rows.html",
        "leaderboard.csv",
    }
    assert {*fixed, "v1/leaderboard", MARK, *(f"{recipe.name}/index.html" for recipe in RECIPES)} <= added
    families = "|".join({read_published_manifest(archive / recipe.name).family for recipe in RECIPES})
    of_rows = rf"(methods|users)/[a-z0-9-]+\.html|submissions/[0-9a-f]{{32}}\.html|v1/submissions/[0-9a-f]{{32}}|static/.*|board(-sealed)?(-map|-rows)?(-({families}))?\.html"
    assert [
        name
        for name in added - fixed
        if not re.fullmatch(of_rows, name) and name.count("/") != 1 and name not in ("v1/leaderboard", MARK)
    ] == []
    assert sum(name.startswith("submissions/") for name in added) == 2
    assert (twin / NAME / "train.h5").samefile(archive / NAME / "train.h5")  # a hard link, on one file system


def test_pairs_are_fetched_from_a_host_of_it(archive: Path, twin: Path, host: StaticHost, tmp_path: Path) -> None:
    assert remote_catalogue(host.url) == catalogue(archive)
    folder = fetch(NAME, host.url, tmp_path)
    assert all(figure.holds for figure in verify(folder))
    done = subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=twin, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


class _Links(HTMLParser):
    """Everything that a page leads to or loads, and its elements."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.elements: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "srcset", "action", "data")]


def test_every_link_leads_to_a_file_and_no_page_runs_or_loads_anything_else(twin: Path) -> None:
    pages = sorted(twin.rglob("*.html"))
    assert len(pages) > len(RECIPES) + 10
    for page in pages:
        parser = _Links()
        parser.feed(page.read_text())
        assert parser.links
        for link in parser.links:
            parts = urlsplit(link)
            assert (parts.scheme, parts.netloc) == ("", ""), (page, link)
            assert parts.path == "" or (page.parent / unquote(parts.path)).is_file(), (page, link)
        assert not parser.elements & {"iframe", "object", "style"}, page
        assert not re.search(r"<script(?! src=\"[^\"]*static/)|\son[a-z]+=|\sstyle=", page.read_text()), page
    assert not re.search(r"url\(|@import", (twin / "static/style.css").read_text())


def test_pages_say_what_the_pairs_are(archive: Path, twin: Path) -> None:
    index = (twin / "pairs.html").read_text()
    for recipe in RECIPES:
        manifest = read_published_manifest(archive / recipe.name)
        w1 = with_error(*manifest.known_w1[:2])
        assert all(words in index for words in (f"{recipe.name}/index.html", w1, str(escape(manifest.licence))))
        page = (twin / recipe.name / "index.html").read_text()
        for words in (
            w1, manifest.digest(), *(file.sha256 for file in manifest.files.values()),
            *(figure.name for figure in manifest.certificate), "preview.png", "README.md", "croissant.json",
            f"w1bench fetch {recipe.name} --from", "@inproceedings{korotin2022kantorovich",
        ):  # fmt: skip
            assert words in page, (recipe.name, words)


def test_the_leaderboard_has_the_rows_of_the_pairs_as_they_are(
    archive: Path, twin: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    board = json.loads((twin / "v1/leaderboard").read_text())
    assert [(row["rank"], row["pair"], row["method"]) for row in board["rows"]] == [
        (1, NAME, "lp"),
        (None, NAME, HOSTILE),
    ]
    assert (twin / "leaderboard.csv").read_text().count("\n") == 3
    page = (twin / "board-rows.html").read_text()
    assert ">0.6<" in page.replace("\u2007", "")  # its interval leaves it one digit
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    out = tmp_path / "site"
    export(archive, out, results=[results(archive, tmp_path / "results.json")])
    assert "1 rows on gone-d2 are left out" in caplog.text
    assert list(out.glob("submissions/*"))
    export(archive, out)
    assert not [
        path for folder in ("submissions", "methods", "users", "v1/submissions") for path in (out / folder).iterdir()
    ]
    assert json.loads((out / "v1/leaderboard").read_text())["rows"] == []
    assert "No method is shown" in (out / "board.html").read_text()


def test_the_client_reads_the_boards_of_a_twin(host: StaticHost) -> None:
    rows = leaderboard(Service(host.url))["rows"]
    assert [(row["rank"], row["method"]) for row in rows] == [(1, "lp"), (None, HOSTILE)]
    assert show(Service(host.url), rows[0]["id"])["scorecard"]["metrics"]["cos"]["value"] == 0.625


def test_a_real_browser_shows_it_and_asks_no_other_host(host: StaticHost, tmp_path: Path) -> None:
    rules = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    done = subprocess.run(
        [find_chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", *_NO_NETWORK, rules,
         f"--user-data-dir={tmp_path}", "--dump-dom", f"{host.url}/{NAME}/index.html"],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert f"<h1>{NAME}</h1>" in done.stdout
    needed = {
        f"/{NAME}/index.html",
        f"/{NAME}/preview.png",
        *(f"/static/{name}" for name in ("style.css", "page.js", "charts.js", "vendor/plot.js")),
    }
    assert needed <= host.answers.keys() <= {*needed, "/static/icon.svg"}
    assert set(host.answers.values()) == {200}


def test_again_changes_nothing_and_mends_what_was_damaged(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    export(archive, out)
    before = contents(out)
    written_always = (MARK, "manifest.json")
    times = {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file() and p.name not in written_always}
    export(archive, out)
    assert {path: path.stat().st_mtime_ns for path in times} == times
    damaged = [out / NAME / "test.h5", out / NAME / "index.html", out / "registry.txt", out / NAME / "README.md"]
    for path in damaged:
        path.unlink()  # a hard link would carry the damage into the archive
        path.write_bytes(b"damage")
    export(archive, out)
    assert contents(out) == before


def test_a_killed_export_goes_on_and_never_writes_into_the_archive(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    export(archive, out)
    torn = [out / ".index.html.7.tmp", out / NAME / ".index.html.7.tmp"]
    for path in torn:
        path.write_text("torn")
    export(archive, out)
    assert not any(path.exists() for path in torn)
    left, source = out / NAME / ".train.h5.part", archive / NAME / "train.h5"
    left.hardlink_to(source)  # as it is between the link and its name
    (out / NAME / "train.h5").unlink()
    content = source.read_bytes()
    fetching.fetch(NAME, str(archive), out)
    assert source.read_bytes() == content
    assert not (out / NAME / "train.h5").samefile(source)
    assert not left.exists()


def test_where_no_hard_links_are_files_are_copied(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    export(archive, tmp_path / "site")
    copy = tmp_path / "site" / NAME / "train.h5"
    assert copy.read_bytes() == (archive / NAME / "train.h5").read_bytes()
    assert not copy.samefile(archive / NAME / "train.h5")


def test_folders_of_something_else_are_left_alone(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("precious")
    with pytest.raises(PairError, match=r"home holds something that is no export; give an empty folder"):
        export(archive, tmp_path / "home")
    assert contents(tmp_path / "home") == {"thesis.tex": b"precious"}
    with pytest.raises(PairError, match="lies in the archive"):
        export(archive, archive)
    (tmp_path / "none").mkdir()
    with pytest.raises(PairError, match="has no pairs to export"):
        export(tmp_path / "none", tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_nothing_is_written_through_links_and_nothing_is_published_through_them(archive: Path, tmp_path: Path) -> None:
    source, out, outside = tmp_path / "archive", tmp_path / "site", tmp_path / "outside"
    shutil.copytree(archive / NAME, source / NAME)
    (tmp_path / "secret").write_text("secret")
    (source / NAME / "notes.txt").symlink_to(tmp_path / "secret")
    export(source, out)
    assert not (out / NAME / "notes.txt").exists()
    (out / "index.html").unlink()
    (out / "index.html").symlink_to(tmp_path / "secret")
    export(source, out)
    assert (tmp_path / "secret").read_text() == "secret"
    assert not (out / "index.html").is_symlink()
    shutil.rmtree(out / NAME)
    outside.mkdir()
    (out / NAME).symlink_to(outside)
    with pytest.raises(PairError, match="leads elsewhere; remove that link"):
        export(source, out)
    assert list(outside.iterdir()) == []


def test_what_a_killed_reveal_has_copied_is_not_exported(sealed_pair: Sealed, tmp_path: Path) -> None:
    made = sealed_pair.copied(tmp_path / "round")
    for name in ("truth.h5", "funnel.h5"):
        shutil.copy(made.kept / name, made.folder / name)
    export(made.archive, tmp_path / "site")
    exported = {path.name for path in (tmp_path / "site" / SEALED.name).iterdir()}
    assert "test.h5" in exported
    assert not exported & {"truth.h5", "funnel.h5", "reveal.json"}
    assert "truth.h5" not in (tmp_path / "site" / "SHA256SUMS").read_text()
    reveal(made.folder, made.truth)
    export(made.archive, tmp_path / "site")
    assert {"truth.h5", "funnel.h5", "reveal.json"} <= {
        path.name for path in (tmp_path / "site" / SEALED.name).iterdir()
    }


def test_a_damaged_file_is_not_exported_and_two_at_once_are_refused(archive: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "archive", tmp_path / "site"
    shutil.copytree(archive / NAME, source / NAME)
    (source / NAME / "probe.h5").write_bytes(b"damage")
    with pytest.raises(CheckFailedError, match=r"probe.h5 gave 6 bytes"):
        export(source, out)
    assert not (out / NAME / "probe.h5").exists()
    assert not (out / "catalogue.json").exists()
    with filelock.FileLock(out / MARK), pytest.raises(PairError, match="Another process exports"):
        export(archive, out)
    export(archive, out)
    assert all(figure.holds for figure in verify(out / NAME))


def test_pairs_of_families_without_funnels_have_pages(tmp_path: Path) -> None:
    names = ("late-spiked-smooth", "shift", "lowpass-digits")
    for recipe in FAMILIES:
        if recipe.name in names:
            build(recipe, tmp_path / "archive")
    export(tmp_path / "archive", tmp_path / "site")
    for name, words in zip(names, ("only a share 0.2", "moved by 1 in one direction", "4 x 4 lowest"), strict=True):
        page = (tmp_path / "site" / name / "index.html").read_text()
        assert words in page
        assert "with power" not in page
        assert "(exact)" in page
    assert "late-spiked-smooth" in (tmp_path / "site" / "pairs.html").read_text()


def test_the_documentation_is_brought_and_what_it_lost_goes(archive: Path, tmp_path: Path) -> None:
    docs, site = tmp_path / "built", tmp_path / "site"
    (docs / "why").mkdir(parents=True)
    for name in ("index.html", "why/a.html", "why/b.html"):
        (docs / name).write_text(f'{name}<!--w1bench <a href="..HOME">Boards</a> w1bench-->')
    export(archive, site, docs=docs)
    assert (site / "docs" / "why" / "b.html").read_text() == 'why/b.html<a href="../index.html">Boards</a>'
    (docs / "why" / "b.html").unlink()
    export(archive, site, docs=docs)
    assert sorted(path.name for path in (site / "docs").rglob("*.html")) == ["a.html", "index.html"]
    with pytest.raises(InputError, match=r"has no index\.html"):
        export(archive, site, docs=tmp_path)
