"""docs/service.md names every address and every setting; the server stays light."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from fastapi.routing import APIRoute

from w1bench_server.settings import Settings
from w1bench_server.web.app import COMMITTED
from w1bench_server.web.pages import forms, home, pairs, submissions

DOCS = (Path(__file__).parents[2] / "docs" / "service.md").read_text(encoding="utf-8")
HEAVY = ["torch", "numba", "ray", "scipy", "PIL"]
HEAVY += [f"w1bench.{name}" for name in ("builder", "transport")]


def test_every_address_is_described() -> None:
    paths = set(json.loads(COMMITTED.read_text(encoding="utf-8"))["paths"])
    paths |= {
        route.path
        for part in (home, pairs, submissions, forms)
        for route in part.router.routes
        if isinstance(route, APIRoute)
    }
    assert [path for path in sorted(paths) if f"{path}`" not in DOCS and f"{path}?" not in DOCS] == []


def test_every_setting_is_described_with_its_default() -> None:
    for name, field in Settings.model_fields.items():
        line = next((line for line in DOCS.splitlines() if f"`W1BENCH_{name.upper()}`" in line), None)
        assert line is not None, name
        assert f"`{field.default}`" in line or field.default is None, name


def test_the_command_that_writes_openapi_json_is_given() -> None:
    assert 'python -c "from w1bench_server.web import app; app.write()"' in DOCS


def test_the_server_and_its_workers_import_nothing_heavy() -> None:
    for modules in ("web.serve, w1bench_server.sandbox.scoring_process", "worker.process"):
        program = f"import sys, w1bench_server.{modules}; print([m for m in {HEAVY} if m in sys.modules])"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
        assert done.stdout.strip() == "[]"
