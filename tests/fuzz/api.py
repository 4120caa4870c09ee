"""Fuzz the service's API: schemathesis over the committed openapi.json, against a real server; the result is a page in docs/benchmarks."""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

import httpx2
import numpy as np

from load.clients import database_url
from support.servers import serving
from w1bench.builder.build import build
from w1bench.recipes.recipe import parse_recipe
from w1bench_server.settings import Settings
from w1bench_server.web.app import COMMITTED
from w1bench_server.web.auth.tokens import create_token

# Names from the document alone lead nowhere (404); the second pass has names that are there, the third a job's id and an admin's token.
NAMES = ("anything", "names that are there", "a job, as an admin")
_THERE = """
[parameters]
"path.name" = "fuzzed"
"path.file" = "test.h5"
"path.method" = "mine"
"path.id" = "{0}"
"query.pair" = "fuzzed"
"query.file" = "test.h5"
"query.dataset" = "gradient"
"query.method" = "mine"
"query.a" = "{0}"
"query.b" = "{1}"
"""
_JOB = """
[parameters]
"path.id" = "{0}"
"""
# An overlong address is refused by its length (414), before anyone looks whether it is wrong otherwise.
_CHECKS = """
[checks]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 409, 413, 414, 415, 422]
"""
# A body of the right type need not be a submission, so that a valid request may well be refused.
LEFT_OUT = "positive_data_acceptance"

_SECONDS = 3600
_ROWS = 200
_UNLIMITED = 10**9
RECIPE = {
    "name": "fuzzed", "power": 8.0, "half_width": 2.5, "source": {"kind": "uniform", "dim": 2}, "funnel": {"count": 4},
    "sizes": {"train": 300, "test": _ROWS, "probe": 50, "w1_rays": 4096},
}  # fmt: skip
_OUT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks" / "fuzz-api.md"
_PAGE = """\
# Fuzzing the API

`{command}`, {date}; schemathesis {version}, w1bench {ours}.

schemathesis makes requests from the committed `openapi.json`, valid and not, one after the other and in sequences, with a token, to a server of
one small pair on 127.0.0.1, which has its tables in SQLite or PostgreSQL. It holds every answer against the document: no 5xx, no status,
content type, header or shape of an answer that is not in it; nothing wrong accepted; no method answered that is not there; no answer without
the token where one is needed.

| database | parameters | cases | failures |
| --- | --- | ---: | ---: |
{rows}
"""


@dataclass(frozen=True)
class Outcome:
    """What a pass made and found; `report` is schemathesis's own account."""

    database: str
    names: str
    cases: int
    failures: int
    report: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=250, help="random cases an operation and phase")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL, too")
    parser.add_argument("--out", type=Path, default=_OUT)
    options = parser.parse_args()
    databases = ("sqlite", "postgresql") if options.postgres else ("sqlite",)
    outcomes: list[Outcome] = []
    for database in databases:
        with tempfile.TemporaryDirectory(prefix="w1bench-") as folder:
            outcomes += fuzz(Path(folder), examples=options.examples, seed=options.seed, database=database)
    command = f"PYTHONPATH=tests python -m fuzz.api --examples {options.examples} --seed {options.seed}"
    for outcome in outcomes:
        print(outcome.report)
    rows = [(outcome.database, outcome.names, outcome.cases, outcome.failures) for outcome in outcomes]
    rows.append((" and ".join(databases), "all", sum(row[2] for row in rows), sum(row[3] for row in rows)))
    page = _PAGE.format(
        command=command + " --postgres" * options.postgres,
        date=datetime.now(UTC).date(),
        version=version("schemathesis"),
        ours=version("w1bench"),
        rows="\n".join(f"| {' | '.join(map(str, row))} |" for row in rows),
    )
    print(page)
    options.out.write_text(page, encoding="utf-8")
    sys.exit(rows[-1][-1] > 0)


def fuzz(folder: Path, *, examples: int, seed: int, database: str = "sqlite") -> list[Outcome]:
    """Fuzz a server of a small pair, all of whose files lie in `folder`, with its tables in `database`."""
    build(parse_recipe(RECIPE, origin="the fuzzing"), folder / "archive")
    with database_url(folder, database) as url:
        settings = Settings(
            archive=folder / "archive", data=folder / "data", database_url=url, port=0, min_free_bytes=0,
            requests_per_minute=_UNLIMITED, daily_submissions=_UNLIMITED, log_level="error", own_worker="none",
            events_seconds=0.5,
        )  # fmt: skip
        return _fuzzed(folder, settings, database, examples, seed)


def _fuzzed(folder: Path, settings: Settings, database: str, examples: int, seed: int) -> list[Outcome]:
    settings.data.mkdir(parents=True, exist_ok=True)
    token, admin = (create_token(settings, user="fuzz", scope=scope) for scope in ("submit", "admin"))
    with serving(settings, seconds=_SECONDS) as (_, client):
        run = partial(_pass, folder, str(client.base_url).rstrip("/"), database, examples=examples, seed=seed)
        client.headers["Authorization"] = f"Bearer {token}"
        there = _THERE.format(*map(partial(_submitted, client), (1, 2)))
        asked = client.post("/v1/pairs", json=RECIPE | {"name": "asked"}, headers={"Authorization": f"Bearer {admin}"})
        job = _JOB.format(asked.raise_for_status().json()["id"])
        return [run(token, NAMES[0], ""), run(token, NAMES[1], there), run(admin, NAMES[2], job)]


def _submitted(client: httpx2.Client, scale: float) -> str:
    """The id of a new submission."""
    stream = io.BytesIO()
    np.save(stream, np.full((_ROWS, 2), scale, dtype=np.float32))
    answer = client.post("/v1/submissions", params={"pair": "fuzzed", "method": "mine"}, content=stream.getvalue())
    return answer.raise_for_status().json()["id"]


def _pass(
    folder: Path, url: str, database: str, token: str, names: str, parameters: str, *, examples: int, seed: int
) -> Outcome:
    config, report = folder / "schemathesis.toml", folder / "report.json"
    config.write_text(_CHECKS + parameters)
    command = [
        Path(sys.executable).with_name("st"), "--config-file", config, "run", COMMITTED, "--url", url,
        "--header", f"Authorization: Bearer {token}", "--max-examples", str(examples), "--seed", str(seed),
        "--exclude-checks", LEFT_OUT, "--generation-database", "none", "--no-color", "--warnings", "off",
        "--report", "json", "--report-json-path", report,
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, env=os.environ | {"COLUMNS": "120"}
    )
    assert report.is_file(), done.stdout + done.stderr
    counts = json.loads(report.read_text())["test_cases"]
    failures = counts["unique_failures"] + counts["errored"]
    return Outcome(database, names, counts["generated"], failures or int(done.returncode != 0), done.stdout)


if __name__ == "__main__":
    main()
