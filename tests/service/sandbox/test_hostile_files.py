"""Hostile uploads against a real service: refused with a reason or scored; no failure, no other file, little memory."""

from __future__ import annotations

import ctypes
import os
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray

from support.hostile_files import Canary, Hostile, corpus
from support.mutations import many, valid
from support.recipes import small_recipe
from support.servers import growth_of, serving
from w1bench.archive import hdf5 as store
from w1bench.builder.build import build
from w1bench_server.settings import Settings

RECIPE = small_recipe(
    "wide-d256-n2-p8", source={"kind": "uniform", "dim": 256}, funnel={"count": 2},
    sizes={"train": 100, "test": 6000, "probe": 100, "w1_rays": 4096},
)  # fmt: skip
VALIDATE = "/v1/validate?pair=small-d2-n4-p8"
GROWTH_BYTES = 100e6
Problem = Callable[[Any, int], dict[str, Any]]


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of one pair that lets megabytes in."""
    archive = tmp_path_factory.mktemp("wide")
    build(RECIPE, archive)
    return archive


@pytest.fixture(scope="module")
def gradient(wide: Path) -> NDArray[Any]:
    with store.open_file(wide / RECIPE.name / "test.h5") as file:
        return file["gradient"][:]


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory, gradient: NDArray[Any]) -> Canary:
    return Canary.planted(tmp_path_factory.mktemp("beside") / "canary", gradient)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, gradient: NDArray[Any], canary: Canary) -> list[Hostile]:
    return list(corpus(tmp_path_factory.mktemp("hostile"), gradient, canary))


def test_hostile_files_are_refused_or_survived(
    wide: Path, tmp_path: Path, hostile: list[Hostile], canary: Canary, gradient: NDArray[Any],
    bearer: Callable[..., dict[str, str]], is_problem: Problem, npy: Callable[[NDArray[Any]], bytes],
) -> None:  # fmt: skip
    settings = Settings(archive=wide, data=tmp_path / "data", port=0, min_free_bytes=0)
    headers, query = bearer(settings), {"pair": RECIPE.name}
    with serving(settings, seconds=300) as (process, client), opened_in(canary.folder) as opened:
        for _ in range(4):  # until both workers have scored once
            assert client.post("/v1/validate", params=query, content=npy(gradient)).status_code == 200
        with growth_of(process.pid) as growth:
            for case in hostile:
                for path, asked in (("/v1/validate", query), ("/v1/submissions", query | {"method": "x"})):
                    answer = client.post(path, params=asked, content=case.body, headers=headers)
                    if case.reason is None:
                        assert answer.status_code in (200, 201), (case.name, answer.text)
                        continue
                    problem = is_problem(answer, 422)
                    assert re.search(case.reason, problem["detail"]), (case.name, problem["detail"])
                    assert "canary" not in answer.text
        assert max(growth) < GROWTH_BYTES
        assert opened() == []
        assert list((settings.data / "incoming").iterdir()) == []
        rows = client.get("/v1/leaderboard").json()["rows"]
        assert len(rows) == 1  # of the harmless ones, the best
        assert client.get("/readyz").status_code == 200
        canary.raw.read_bytes()
        assert opened() == ["canary.raw"]  # that it would have been noticed


def test_mutated_files_are_refused_or_survived(
    settings: Settings, truth: dict[str, NDArray[Any]], is_problem: Problem
) -> None:
    """A few; tests/fuzz/uploads.py does the same at length."""
    bodies = valid(truth)
    with serving(settings, seconds=300) as (process, client):
        for body in bodies.values():
            assert client.post(VALIDATE, content=body).status_code == 200
        with growth_of(process.pid) as growth:
            for description, body in many(bodies, 60, seed=10**6):
                answer = client.post(VALIDATE, content=body)
                assert answer.status_code in (200, 413, 422), (description, answer.text)
                if answer.status_code != 200:
                    is_problem(answer, answer.status_code)
        assert max(growth) < GROWTH_BYTES
        assert client.get("/readyz").status_code == 200


@contextmanager
def opened_in(folder: Path) -> Iterator[Callable[[], list[str]]]:
    """What of a folder was opened since, as the kernel tells it."""
    libc, opens = ctypes.CDLL(None, use_errno=True), 0x20
    descriptor = libc.inotify_init1(os.O_NONBLOCK)
    assert descriptor >= 0
    assert libc.inotify_add_watch(descriptor, bytes(folder), opens) >= 0

    def names() -> list[str]:
        try:
            events = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            return []
        found: list[str] = []
        while events:
            length = struct.unpack_from("iIII", events)[3]
            found.append(events[16 : 16 + length].rstrip(b"\0").decode())
            events = events[16 + length :]
        return found

    try:
        yield names
    finally:
        os.close(descriptor)
