"""What people do on the pages, done by a browser: filter, sort, search, copy, submit, follow a job, administer; and without a script."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from browser.conftest import LARGER, PAIR, Service, submission

SECONDS = 120_000  # milliseconds, far more than it takes


def methods(page: Any) -> list[str]:
    """The names in the rows of a board that are shown."""
    return [row.get_attribute("data-method") for row in page.locator("table.board tbody tr").all() if row.is_visible()]


def follow(page: Any, control: Any, **options: Any) -> None:
    """Click on what leads to another page, and wait for it."""
    with page.expect_navigation(**options):
        control.click(**options)


def test_the_board_is_filtered_searched_and_sorted_in_the_address(service: Service, visit: Callable[..., Any]) -> None:
    with visit(f"{service.url}/board?view=rows") as page:
        assert len(methods(page)) == 3
        page.get_by_label("Search").fill("nearly")
        page.wait_for_url(re.compile("q=nearly"))
        assert methods(page) == ["nearly right"]
        page.get_by_label("Search").fill("")
        page.get_by_label("Dimension").select_option("2")
        page.wait_for_url(re.compile("dim=2"))
        assert len(methods(page)) == 3
        follow(page, page.get_by_role("columnheader", name="l2").get_by_role("link"))
        first = methods(page)
        follow(page, page.get_by_role("columnheader", name="l2").get_by_role("link"))
        assert methods(page) == first[::-1]
        assert "sort=l2" in page.url
        follow(page, page.get_by_role("link", name="sealed pairs"))
        assert "No row is shown" in page.locator("main").inner_text()


def test_tabs_and_copy_buttons_give_commands_with_this_address(service: Service, visit: Callable[..., Any]) -> None:
    with visit(service.url, permissions=["clipboard-read", "clipboard-write"]) as page:
        tabs = page.get_by_role("tab")
        assert [tab.inner_text() for tab in tabs.all()] == ["numpy", "torch", "JAX", "curl"]
        page.get_by_role("tab", name="curl").click()
        panel = page.get_by_role("tabpanel")
        assert panel.count() == 1
        panel.get_by_role("button", name="Copy").click()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert f'"{service.url}/v1/validate?pair=' in copied
        page.get_by_role("tab", name="curl").press("ArrowRight")
        assert page.get_by_role("tab", name="numpy").get_attribute("aria-selected") == "true"


def test_a_file_is_tried_submitted_and_seen(service: Service, visit: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "mine.h5").write_bytes(submission(service.archive / PAIR, 0.2))
    (tmp_path / "turned.h5").write_bytes(submission(service.archive / PAIR, 0.2, sign=-1))
    (tmp_path / "broken.npy").write_bytes(b"nothing")
    with visit(f"{service.url}/submit?pair={PAIR}", clean=False) as page:
        answer = page.locator("[data-answer]")
        page.locator("[data-file]").set_input_files(tmp_path / "broken.npy")
        page.locator(".answer.wrong").wait_for()
        page.locator("[data-file]").set_input_files(tmp_path / "mine.h5")
        page.get_by_text(f"{PAIR} would take this file").wait_for(timeout=SECONDS)
        assert "gradient (1500 × 2)" in answer.inner_text()
        page.locator("[data-file]").set_input_files(tmp_path / "turned.h5")
        page.get_by_text("The sign is wrong.").wait_for(timeout=SECONDS)
        lines = answer.locator("p").all_inner_texts()
        assert lines[0].startswith("The sign is wrong. The gradient points the other way")
        assert lines[1].startswith(f"{PAIR} would take this file")
        assert len([line for line in lines if "points the other way" in line]) == 1
        assert page.locator(".answer.wrong").count() == 1
        page.locator("[data-file]").set_input_files(tmp_path / "mine.h5")
        page.get_by_text("The sign is wrong.").wait_for(state="detached", timeout=SECONDS)
        page.get_by_label("Method’s name").fill("from a page")
        with page.expect_request(
            re.compile(r"/v1/validate\?.*method=from\+a\+page")
        ):  # which refuses the names of reference rows
            page.get_by_role("button", name="Dry run").click()
        page.get_by_text(f"{PAIR} would take this file").wait_for(timeout=SECONDS)
        page.get_by_label("Seed", exact=True).fill("3")
        page.get_by_label("Trains").select_option("true")
        page.get_by_role("button", name="Show the commands").click()  # without losing the file
        page.get_by_text("mine.h5 --method 'from a page' --seed 3 --trains").first.wait_for(timeout=SECONDS)
        page.get_by_label("Seed", exact=True).fill("9999999999999999999")  # more than the database holds
        page.get_by_role("button", name="Show the commands").click()
        page.get_by_text("give a whole number from 0 to").wait_for(timeout=SECONDS)
        page.get_by_label("Seed", exact=True).fill("3")
        assert "method=from+a+page&seed=3&trains=true" in page.locator("[data-tabs]").text_content()
        page.get_by_role("button", name="Submit").click()
        assert "needs a token" in answer.inner_text()
        page.get_by_label("Token").fill(service.submit)
        page.get_by_role("button", name="Submit").click()
        follow(page, page.get_by_role("link", name=f"from a page on {PAIR}"), timeout=SECONDS)
        assert "/submissions/" in page.url
        assert "from a page" in page.locator("h1").inner_text()
        page.locator("[data-chart] svg").nth(6).wait_for()
        assert page.locator("[data-chart] svg").count() == 7  # two of them the scales of colours and of arrows
        page.locator("[data-chart=field] svg [aria-label=vector] path").nth(200).wait_for(state="attached")
        page.goto(f"{service.url}/pairs/{PAIR}")
        assert "from a page" in methods(page)


def test_a_large_file_is_a_job_that_the_page_follows_to_its_end(
    service: Service, visit: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "large.h5").write_bytes(submission(service.archive / LARGER, 0.3))
    with visit(f"{service.url}/submit?pair={LARGER}&method=large") as page:
        page.locator("[data-file]").set_input_files(tmp_path / "large.h5")
        page.get_by_text(f"{LARGER} would take this file").wait_for(timeout=SECONDS)
        page.get_by_label("Token").fill(service.submit)
        page.get_by_role("button", name="Submit").click()
        page.get_by_role("link", name="follow it").click(timeout=SECONDS)
        page.locator("[data-ended=yes]").wait_for(timeout=SECONDS)
        assert page.locator("[data-state]").inner_text() == "succeeded"
        follow(page, page.locator("[data-result] a"))
        assert "large" in page.locator("h1").inner_text()


def test_an_admin_makes_and_revokes_tokens_and_retracts(service: Service, visit: Callable[..., Any]) -> None:
    with visit(f"{service.url}/admin", clean=False) as page:
        page.get_by_label("Admin token").fill(service.submit)
        page.get_by_role("button", name="Open").click()
        page.get_by_text("This token has the scope submit").wait_for()
        page.get_by_label("Admin token").fill(service.admin)
        page.get_by_role("button", name="Open").click()
        page.get_by_label("User").fill("eve")
        page.get_by_role("button", name="Create").click()
        page.get_by_text("The token of eve, shown this once: w1b_").wait_for()
        page.locator("[data-tokens] tr", has_text="eve").get_by_role("button", name="Revoke").click()
        page.locator("[data-tokens] tr", has_text="eve").get_by_text("revoked").wait_for()
        page.get_by_label("Submission’s id").fill("none")
        page.get_by_label("Reason, which all may read").fill("why")
        page.get_by_role("button", name="Retract").click()
        page.locator(".answer.wrong").wait_for()


def test_without_a_script_tables_links_downloads_and_forms_work(service: Service, visit: Callable[..., Any]) -> None:
    for path in service.pages.values():
        with visit(service.url + path, java_script_enabled=False) as page:
            assert page.locator("h1").is_visible(), path
    with visit(f"{service.url}/board?view=rows", java_script_enabled=False) as page:
        page.get_by_label("Search").fill("nearly")
        follow(page, page.get_by_role("button", name="Show"))
        assert methods(page) == ["nearly right"]
        follow(page, page.get_by_role("link", name="l2"))
        assert "sort=l2" in page.url
        assert (
            "nearly right"
            in page.request.get(
                service.url + page.get_by_role("link", name="CSV", exact=True).get_attribute("href")
            ).text()
        )
    with visit(f"{service.url}/submit", java_script_enabled=False) as page:
        page.get_by_label("Method’s name").fill("by hand")
        follow(page, page.get_by_role("button", name="Show the commands"))
        assert "--method 'by hand'" in page.locator("main").inner_text()
        assert "method=by+hand" in page.locator("main").inner_text()
    with visit(f"{service.url}/compare?pair={PAIR}", java_script_enabled=False) as page:
        page.get_by_label("Second").select_option(index=2)
        follow(page, page.get_by_role("button", name="Compare"))
        assert page.locator("tbody tr").count() > 5
    with visit(f"{service.url}/pairs/{PAIR}", java_script_enabled=False) as page:
        with page.expect_download() as download:
            page.get_by_role("link", name="probe.h5").click()
        assert download.value.path().read_bytes() == (service.archive / PAIR / "probe.h5").read_bytes()


def test_the_twin_filters_sorts_and_keeps_its_address(twin_url: str, visit: Callable[..., Any]) -> None:
    with visit(f"{twin_url}/board-rows.html") as page:
        everything = methods(page)
        assert len(everything) >= 3
        page.get_by_label("Search").fill("nearly")
        assert methods(page) == ["nearly right"]
        page.reload()
        assert methods(page) == ["nearly right"]
        page.get_by_label("Search").fill("")
        page.get_by_label("Trains").select_option("no")
        assert methods(page) == []
        page.get_by_label("Trains").select_option("")
        page.get_by_role("columnheader", name="skill").get_by_role("link").click()
        assert sorted(methods(page)) == sorted(everything)
        page.get_by_role("link", name="Method by pair").click()
        assert page.locator("table.heatmap").is_visible()
        page.get_by_role("link", name="funnel", exact=True).click()
        assert "board-map-funnel.html" in page.url
