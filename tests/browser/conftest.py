"""A Chromium, a service with rows of every kind, and its static twin; tests skip where no Chromium is installed."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import h5py
import httpx2
import numpy as np
import pytest

from support.browser import find_chromium
from support.recipes import SEALED, Sealed
from support.servers import serving
from support.static_host import static_host
from w1bench.archive.catalogue import manifests
from w1bench.site.export import Boards, export
from w1bench.site.remote import read_service
from w1bench_server.settings import Settings
from w1bench_server.web.auth.tokens import create_token

PAIR, LARGER = "small-d2-n4-p8", "small-d16-n64-p8"
WIDTHS, SCHEMES = (390, 768, 1280, 1600), ("light", "dark")
_JOB_BYTES = 100_000  # of the larger pair's gradients, which are scored as jobs


@dataclass
class Visit:
    """A page of a browser, and what went wrong on it: errors of its console, and requests that left its host."""

    page: Any
    host: str
    wrong: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.page.on(
            "console", lambda message: message.type in ("error", "warning") and self.wrong.append(message.text)
        )
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on(
            "request", lambda request: urlsplit(request.url).netloc != self.host and self.wrong.append(request.url)
        )


@dataclass(frozen=True)
class Service:
    """A running service: its address, a token of each scope, and the ids of two of its submissions."""

    url: str
    archive: Path
    submit: str
    admin: str
    row: str
    retracted: str

    @property
    def pages(self) -> dict[str, str]:
        """Every page, by a name for its picture."""
        return {
            "home": "/", "board": "/board", "map": "/board?view=map", "rows": "/board?view=rows", "sealed": "/board?track=sealed", "pairs": "/pairs",
            "pair": f"/pairs/{PAIR}", "sealed-pair": f"/pairs/{SEALED.name}", "submission": f"/submissions/{self.row}", "retracted": f"/submissions/{self.retracted}",
            "compare": f"/compare?pair={PAIR}", "method": "/method?name=half+wrong&user=ann", "user": "/users/ann", "rounds": "/rounds",
            "submit": "/submit", "jobs": "/jobs", "admin": "/admin",
        }  # fmt: skip


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser for the tests of a file: while one is open, its event loop runs in this thread, where other tests need their own."""
    path = find_chromium()
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed (it comes with the extra dev)"
    )
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def visit(chromium: Any) -> Callable[..., Any]:
    """Opens a page of a browser that is closed after the block, which must have found nothing wrong."""

    @contextmanager
    def opened(
        url: str, *, width: int = 1280, scheme: str = "light", clean: bool = True, **options: Any
    ) -> Generator[Any]:
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
        found = Visit(context.new_page(), urlsplit(url).netloc)
        found.page.goto(url)
        yield found.page
        context.close()
        assert not clean or found.wrong == [], url

    return opened


@pytest.fixture(scope="session")
def service(archive: Path, sealed_pair: Sealed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with an open, a sealed and a retracted row and several methods."""
    place = tmp_path_factory.mktemp("browser")
    shutil.copytree(archive, place / "archive")
    shutil.copytree(sealed_pair.folder, place / "archive" / SEALED.name)
    (place / "data").mkdir()
    settings = Settings(
        archive=place / "archive",
        data=place / "data",
        port=0,
        min_free_bytes=0,
        requests_per_minute=10**6,
        job_bytes=_JOB_BYTES,
    )
    submit, admin = create_token(settings, user="ann"), create_token(settings, user="root", scope="admin")
    with serving(settings, seconds=1800) as (_, client):
        headers = {"Authorization": f"Bearer {submit}"}
        rows: dict[str, str] = {}
        for method, share in (("half wrong", 0.5), ("nearly right", 0.02), ("all wrong", 3.0), ("taken back", 0.4)):
            body = submission(settings.archive / PAIR, share)
            said = {
                "pair": PAIR,
                "method": method,
                "seconds": 12.5,
                "steps": 100,
                "trains": True,
                "paper": "https://example.org/paper",
                "knows_family": False,
            }
            answer = client.post("/v1/submissions", params=said, content=body, headers=headers).raise_for_status()
            rows[method] = answer.json()["id"]
        client.post(
            f"/v1/submissions/{rows['taken back']}/retract",
            params={"reason": "trained on the test points"},
            headers=headers,
        ).raise_for_status()
        yield Service(
            str(client.base_url).rstrip("/"), settings.archive, submit, admin, rows["half wrong"], rows["taken back"]
        )


@pytest.fixture(scope="session")
def twin(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The static twin of the service, with its rows."""
    folder = tmp_path_factory.mktemp("twin") / "site"
    found = {manifest.name: manifest for manifest in manifests(service.archive).values()}
    export(service.archive, folder, boards=Boards(*read_service(service.url, found)), address=service.url)
    return folder


@pytest.fixture(scope="session")
def twin_url(twin: Path) -> Iterator[str]:
    with static_host(twin) as host:
        yield host.url


@pytest.fixture(scope="session")
def picture() -> Callable[[Any, str], None]:
    """Leaves a picture of a page, by its name, for people who look at it: in the folder that W1BENCH_SCREENSHOTS names, if it does."""
    folder = os.environ.get("W1BENCH_SCREENSHOTS")

    def leave(page: Any, name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    return leave


def submission(pair: Path, share: float, sign: int = 1) -> bytes:
    """An .h5 file whose gradient is turned by a share, and values that are as wrong; `sign` is that of both."""
    stream = io.BytesIO()
    with h5py.File(pair / "test.h5") as truth, h5py.File(stream, "w") as file:
        gradient = truth["gradient"][:]
        file["gradient"] = (
            sign * gradient + share * np.roll(gradient, 1, axis=1) * (-1) ** np.arange(len(gradient))[:, None]
        )
        for name in ("input_potential", "target_potential"):
            file[name] = sign * (1 + share / 3) * truth[name][:]
    return stream.getvalue()


def row_of(url: str, identity: str) -> dict[str, Any]:
    return httpx2.get(f"{url}/v1/submissions/{identity}").json()
