"""Damage to a published file is found, named, shown, and forgotten when it is mended."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from support.processes import wait_for
from w1bench_server.pairs.fixity import Fixity
from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app

PAIR = "small-d2-n4-p8"
FAST = 10**9


@pytest.fixture
def copied(archive: Path, tmp_path: Path) -> Path:
    """An archive that may be changed."""
    return shutil.copytree(archive, tmp_path / "archive")


def flip(path: Path) -> None:
    """Change one bit in the middle of a file, and neither its size nor its times."""
    stat = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_a_flipped_bit_turns_readiness_until_it_is_mended(settings: Settings, copied: Path, is_problem: Any) -> None:
    often = settings.model_copy(update={"archive": copied, "fixity_seconds": 0.05, "fixity_bytes_per_second": FAST})
    file = copied / PAIR / "test.h5"
    with TestClient(create_app(often)) as client:

        def shown(name: str) -> float:
            (line,) = [line for line in client.get("/metrics").text.splitlines() if line.startswith(name)]
            return float(line.split()[1])

        wait_for(lambda: shown("w1bench_fixity_age_seconds") >= 0, seconds=20)
        assert client.get("/readyz").status_code == 200
        flip(file)
        wait_for(lambda: client.get("/readyz").status_code == 503, seconds=20)
        problem = is_problem(client.get("/readyz"), 503)
        assert problem["errors"][0]["pointer"] == "#/fixity"
        assert f"damaged: {PAIR}/test.h5;" in problem["detail"]
        assert str(copied) not in problem["detail"]
        assert shown("w1bench_fixity_damaged_files") == 1
        assert client.get("/livez").status_code == 200
        flip(file)
        wait_for(lambda: client.get("/readyz").status_code == 200, seconds=20)
        assert shown("w1bench_fixity_damaged_files") == 0


def test_a_missing_file_and_a_damaged_manifest_are_damage_and_what_is_gone_is_not(copied: Path) -> None:
    (copied / PAIR / "train.h5").unlink()
    (copied / "small-digits" / "manifest.json").write_text("{")
    with Fixity(copied, seconds=0.01, bytes_per_second=FAST) as watch:
        wait_for(lambda: watch.damaged == {f"{PAIR}/train.h5", "small-digits/manifest.json"}, seconds=20)
        shutil.rmtree(copied / PAIR)
        wait_for(lambda: watch.damaged == {"small-digits/manifest.json"}, seconds=20)
        shutil.rmtree(copied)
        assert watch.running
    assert not watch.running


def test_it_reads_no_faster_than_it_may_and_stops_at_once(archive: Path) -> None:
    size = sum(path.stat().st_size for path in archive.rglob("*.h5"))
    begun = time.monotonic()
    with Fixity(archive, seconds=60, bytes_per_second=size) as watch:
        wait_for(lambda: watch.checked_at is not None, seconds=20)
        assert time.monotonic() - begun >= 0.95
    begun = time.monotonic()
    with Fixity(archive, seconds=60, bytes_per_second=1) as watch:
        assert watch.checked_at is None
    assert time.monotonic() - begun < 5
