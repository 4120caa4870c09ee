"""A service whose archive may be written, and what its jobs leave behind."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from w1bench.recipes.recipe import Recipe
from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app

PAIR = "small-d2-n4-p8"
LARGE = 1000  # bytes from which on a submission is a job


@pytest.fixture
def own(settings: Settings, archive: Path) -> Settings:
    """Settings of a service whose archive may be written."""
    folder = settings.data.parent / "archive"
    shutil.copytree(archive / PAIR, folder / PAIR)
    return settings.model_copy(update={"archive": folder, "job_bytes": LARGE, "build_nice": 1})


@pytest.fixture
def service(own: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(own), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def ask(service: TestClient, own: Settings, bearer: Callable[..., Any]) -> Callable[[Recipe], str]:
    """Has a pair built; returns the job's id."""
    admin = bearer(own, scope="admin")

    def post(recipe: Recipe) -> str:
        answer = service.post("/v1/pairs", content=recipe.canonical(), headers=admin)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    return post


@pytest.fixture
def left() -> Callable[[Settings], list[str]]:
    """What lies in the archive and the data besides what is to be there; what a killed worker had is removed by the next."""

    def found(settings: Settings) -> list[str]:
        files = [path for path in settings.data.rglob("*") if path.is_file() and "workers" not in path.parts]
        stray = [path.name for path in files if not path.name.startswith(("w1bench.sqlite", ".serve.lock", "identity"))]
        bodies = {path.name for path in (settings.data / "submissions").glob("[0-9a-f][0-9a-f]/*")}
        unfinished = [path.name for path in settings.archive.iterdir() if path.name.endswith(".building")]
        return [name for name in stray if name not in bodies] + unfinished

    return found
