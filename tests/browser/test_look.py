"""Every page of the service and of its twin, in a real browser: nothing fails, nothing leaves, nothing is cut, and everyone can use it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import DEFAULT_OPTIONS, Axe

from browser.conftest import SCHEMES, WIDTHS, Service

Picture = Callable[[Any, str], None]

VENDORED = Path(__file__).parents[2] / "generator" / "w1bench" / "site" / "static" / "vendor"
DIGESTS = {VENDORED / "plot.js": "fc5846a09733f933326b0155847040ce577e0521fe2de51f8c4373608f8ce598"}
MOST_BYTES = 400_000  # of a page with all that it needs
NAMES = (
    "home", "board", "map", "rows", "sealed", "pairs", "pair", "sealed-pair", "submission", "retracted", "compare", "method", "user", "rounds", "submit",
    "jobs", "admin",
)  # fmt: skip


def test_what_is_vendored_is_what_was_published_with_its_licence() -> None:
    for path, digest in DIGESTS.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest, path
    assert "ISC" in (VENDORED / "README.md").read_text()
    for name in ("LICENSE-plot", "LICENSE-d3"):
        assert "Permission to use, copy, modify" in (VENDORED / name).read_text()


def test_the_dark_has_other_colours_and_nothing_else() -> None:
    """So that of what axe looks at, colours alone need a second look there."""
    style = (VENDORED.parent / "style.css").read_text()
    dark = re.findall(r"@media \(prefers-color-scheme: dark\) \{((?:[^{}]*\{[^{}]*\})*)", style)
    assert len(dark) == style.count("prefers-color-scheme") == 3
    properties = re.findall(r"([\w-]+):", " ".join(re.findall(r"\{([^{}]*)\}", " ".join(dark))))
    assert {name for name in properties if not name.startswith("--")} == {"background", "color", "filter"}


def test_the_names_are_those_of_all_pages(service: Service) -> None:
    assert tuple(service.pages) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_page_of_the_service_is_clean(
    service: Service, visit: Callable[..., Any], picture: Picture, name: str
) -> None:
    examine(visit, service.url + service.pages[name], picture, name)


@pytest.mark.parametrize(
    "name",
    ["home", "board", "map", "rows", "sealed", "pairs", "pair", "submission", "retracted", "method", "user", "rounds"],
)
def test_a_page_of_the_twin_is_clean(
    service: Service, twin: Path, twin_url: str, visit: Callable[..., Any], picture: Picture, name: str
) -> None:
    examine(visit, f"{twin_url}/{file_of(service, twin, name)}", picture, f"twin-{name}")


@pytest.mark.parametrize("path", ["/nothing", "/board?sort=best"])
def test_a_problem_is_a_page_too(service: Service, visit: Callable[..., Any], picture: Picture, path: str) -> None:
    with visit(service.url + path, clean=False) as page:  # a browser counts the status as an error
        assert page.locator("h1").inner_text() in ("Not Found", "Unprocessable Content", "Unprocessable Entity")
        assert violations(page) == []
        picture(page, f"problem{len(path)}-1280-light")


def test_the_twin_opens_from_plain_files_with_its_charts(
    service: Service, twin: Path, visit: Callable[..., Any]
) -> None:
    for name in ("pair", "submission", "map", "home"):
        with visit((twin / file_of(service, twin, name)).as_uri()) as page:
            assert page.locator("table").count() > 0
            if name in ("pair", "submission"):  # that of the map needs pairs of two dimensions
                page.locator("[data-chart] svg").first.wait_for(state="attached")
            for picture in page.locator("img").all():
                assert picture.evaluate("image => image.naturalWidth") > 0


def test_the_parts_of_a_page_fit_into_its_bound(service: Service, visit: Callable[..., Any]) -> None:
    for name in ("home", "board", "pair", "submission"):
        answers: list[Any] = []
        with visit("about:blank", clean=False) as page:
            page.on("response", lambda answer, into=answers: into.append(answer))
            page.goto(service.url + service.pages[name])
            page.wait_for_load_state("networkidle")
            size = sum(
                len(answer.body()) for answer in answers if "/files/" not in answer.url
            )  # but for the picture of a pair
        assert 20_000 < size < MOST_BYTES, name


def test_print_leaves_out_what_paper_cannot_use(service: Service, visit: Callable[..., Any]) -> None:
    with visit(service.url + "/board") as page:
        page.emulate_media(media="print")
        assert not page.locator(".filters").is_visible()
        assert page.locator("table.board").is_visible()
        assert page.pdf().startswith(b"%PDF")


def examine(visit: Callable[..., Any], url: str, picture: Picture, name: str) -> None:
    """Look at a page in all widths, light and dark; leave pictures of two widths. In the dark, only colours are others."""
    with visit(url) as page:
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                page.wait_for_timeout(200)  # charts are drawn anew
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (
                    width,
                    "something is wider than the page",
                )
                assert page.evaluate(WRAPPED) == [], width
                if width == min(WIDTHS):
                    assert page.evaluate(CUT) == [], "a narrow screen cuts a table"
                if width in PICTURED:
                    assert violations(page, COLOURS if scheme == "dark" else None) == [], (width, scheme)
                    picture(page, f"{name}-{width}-{scheme}")


# Dates and figures that stand on two lines.
WRAPPED = """() => [...document.querySelectorAll("time, .figure")].filter(e => e.getClientRects().length > 1).map(e => e.innerText)"""
# Tables, but for the map of methods by pairs, that are wider than their place.
CUT = """() => [...document.querySelectorAll("table:not(.heatmap)")].filter(e => e.scrollWidth > e.parentElement.clientWidth + 1).map(e => e.innerText.slice(0, 80))"""
PICTURED = (390, 1280)
COLOURS = {
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
    "resultTypes": ["violations"],
}


def violations(page: Any, options: dict[str, Any] | None = None) -> list[str]:
    """What axe finds: every rule of it, or those of `options`."""
    found: list[dict[str, Any]] = Axe().run(page, options=options or DEFAULT_OPTIONS).response["violations"]
    return [f"{v['id']}: {v['help']}: {' | '.join(n['html'][:120] for n in v['nodes'][:3])}" for v in found]


def file_of(service: Service, twin: Path, name: str) -> str:
    """The file of a page in the twin."""
    fixed = {
        "home": "index.html",
        "map": "board-map.html",
        "rows": "board-rows.html",
        "sealed": "board-sealed.html",
        "pair": "small-d2-n4-p8/index.html",
    }
    folders = {"method": "methods/half-wrong*.html", "user": "users/ann*.html"}
    if name in folders:
        return next(twin.glob(folders[name])).relative_to(twin).as_posix()
    identity = {"submission": service.row, "retracted": service.retracted}.get(name)
    return f"submissions/{identity}.html" if identity else fixed.get(name, f"{name}.html")
