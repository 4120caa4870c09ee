"""docker/compose.yaml started for real, and the commands of docs/hosting.md run on it, each of them: see EXPLANATION.

PYTHONPATH=tests python -m containers.compose [--stand-ins] [--no-build] [--build-args "..."]
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import httpx2
import numpy as np

from benchmarks.report import machine, table
from containers.deployment import Deployment, output
from support.files import ROOT
from support.recipes import small_recipe
from support.servers import ended
from w1bench.builder.build import build

_SECONDS = 2400  # of the whole run
_JOB_SECONDS = 300.0
_OUT = ROOT / "docs" / "benchmarks" / "compose.md"
_BROUGHT, _ASKED, _SLOW, _SEALED = "small-d2-n4-p8", "asked", "slow", "mine"
_SEALED_RECIPE = f"""\
name = "{_SEALED}"
power = 8.0
half_width = 2.5
seed = 8391027465928374651
source = {{ kind = "uniform", dim = 16 }}
funnel = {{ count = 64 }}
sizes = {{ train = 3000, test = 1500, probe = 300, w1_rays = 65536 }}
"""
_BRING = (
    "docker compose run --rm --volume /srv/w1bench/archive:/from:ro --entrypoint sh archivist "
    "-ec 'cp -R /from/NAME /archive/.NAME; w1bench verify /archive/.NAME; mv -T /archive/.NAME /archive/NAME'"
)
_EXPLANATION = """\
The containers are podman's. Each `docker` command of hosting.md but `build --pull` (and `build`, with `--no-build`) is run as it stands there, with podman
and podman-compose for `docker`, and an `.env` in which the database's password is `{password}`. A step fails where a command does, or where what it should bring about is not seen. "The host is killed" sends SIGKILL to all
containers at once, while a pair is built; then `up` starts them again. Health is asked for by the run itself, with the tests that compose.yaml
names; {base}."""


@dataclass
class Run:
    """A run: the deployment, what its clients were given, and the steps so far."""

    deployment: Deployment
    client: httpx2.Client
    tokens: dict[str, str] = field(default_factory=dict[str, str])
    rows: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    steps: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """Times the block; it appends what was seen."""
        print(f"# {name}", flush=True)
        seen, begun = list[str](), time.monotonic()
        yield seen
        self.steps.append((name, "; ".join(seen), f"{time.monotonic() - begun:.0f}"))
        print(f"  {self.steps[-1]}", flush=True)

    def bearer(self, who: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[who]}"}

    def submit(self, pair: str, body: bytes, method: str = "mine") -> dict[str, Any]:
        """The row of a submission, once it is scored."""
        params = {"pair": pair, "method": method}
        answer = self.client.post("/v1/submissions", params=params, content=body, headers=self.bearer("ann"))
        assert answer.status_code in (200, 201, 202), answer.text
        if answer.status_code != 202:
            return answer.json()
        job = ended(self.client, answer.json()["id"], seconds=_JOB_SECONDS)
        assert job["state"] == "succeeded", job
        return self.client.get(httpx2.URL(job["result"]).path).json() | {"job": job["id"]}

    def ask_for_pair(self, recipe: str) -> str:
        """The id of the job that builds it."""
        answer = self.client.post("/v1/pairs", content=recipe, headers=self.bearer("operator"))
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stand-ins", action="store_true", help="nginx and PostgreSQL from Debian's packages")
    parser.add_argument("--no-build", action="store_true", help="the images are there")
    parser.add_argument("--build-args", default="", help="further arguments of podman build")
    given = parser.parse_args()
    signal.alarm(_SECONDS)
    with TemporaryDirectory(prefix="w1bench-compose-") as folder:
        deployment = Deployment(Path(folder), stand_ins=given.stand_ins, build_args=given.build_args)
        try:
            with httpx2.Client(base_url=deployment.address, timeout=60) as client:
                run = Run(deployment, client)
                for step in STEPS if not given.no_build else STEPS[1:]:
                    step(run)
        finally:
            deployment.remove()
    assert deployment.never_run() == (["docker compose build"] if given.no_build else [])
    base = (
        "nginx (1.22), PostgreSQL (15) and the Python image are stand-ins from Debian bookworm's packages"
        if given.stand_ins
        else "all images are those that compose.yaml names"
    )
    made = f"`PYTHONPATH=tests python -m containers.compose{' --stand-ins' * given.stand_ins}{' --no-build' * given.no_build}`, {datetime.now(UTC).date()}, on {machine()}; {output('podman', '--version').strip()}."
    explanation = _EXPLANATION.format(password=deployment.password, base=base)
    page = "\n\n".join(["# Compose", made, explanation, table(("step", "seen", "seconds"), run.steps)]) + "\n"
    _OUT.write_text(page, encoding="utf-8")
    print(page)


def _build(run: Run) -> None:
    with run.step("images are built") as seen:
        run.deployment.documented("docker compose build")
        seen.append("w1bench-server, w1bench-generator")


def _start(run: Run) -> None:
    with run.step("everything is started") as seen:
        seen.append(f"healthy: {', '.join(run.deployment.start())}")
        run.deployment.check_bounds()
        seen.append("bounds on memory and processes, read-only roots, no root and no capability in each")
        for user, more in (("ann", ""), ("operator", " --scope admin")):
            said = run.deployment.documented(f"docker compose exec server w1bench token create --user {user}{more}")
            run.tokens[user] = said.split()[-1]


def _bring(run: Run) -> None:
    with run.step("an archive is brought in") as seen:
        folder = run.deployment.folder / "archive"
        build(small_recipe(_BROUGHT), folder)
        run.deployment.documented(_BRING, {"/srv/w1bench/archive": str(folder), "NAME": _BROUGHT})
        for name in ("train.h5", "manifest.json", "README.md", "preview.png"):
            answer = run.client.get(f"/v1/pairs/{_BROUGHT}/files/{name}")
            assert (answer.status_code, answer.headers["server"]) == (200, "nginx")
            assert answer.content == (folder / _BROUGHT / name).read_bytes()
        assert run.client.get("/metrics").status_code == run.client.get("/readyz").status_code == 404
        seen.append(f"{_BROUGHT} verified, its files downloaded from nginx; /metrics and /readyz are 404 outside")


def _job(run: Run) -> None:
    with run.step("pairs are built by a job and on the cluster") as seen:
        row = ended(run.client, run.ask_for_pair(small_recipe(_ASKED).canonical()), seconds=_JOB_SECONDS)
        assert row["state"] == "succeeded", row
        run.deployment.documented("docker compose exec ray-head w1bench build hd-d16-n64-p8 --engine ray")
        names = [pair["name"] for pair in run.client.get("/v1/pairs").json()["pairs"]]
        assert sorted(names) == sorted([_BROUGHT, _ASKED, "hd-d16-n64-p8"]), names
        seen.append(f"{_ASKED} after {row['attempts']} attempt, hd-d16-n64-p8")


def _seal(run: Run) -> None:
    with run.step("a sealed pair is built") as seen:
        recipes = run.deployment.folder / "recipes"
        recipes.mkdir()
        (recipes / f"{_SEALED}.toml").write_text(_SEALED_RECIPE, encoding="utf-8")
        run.deployment.documented(
            "docker compose run --rm --volume /srv/w1bench/recipes:/recipes:ro archivist build /recipes/mine.toml --sealed --truth /truth",
            {"/srv/w1bench/recipes": str(recipes)},
        )
        assert run.client.get(f"/v1/pairs/{_SEALED}").json()["commitment"]
        seen.append(_SEALED)


def _submit(run: Run) -> None:
    with run.step("submissions are scored") as seen:
        with h5py.File(run.deployment.folder / "archive" / _BROUGHT / "test.h5") as file:
            truth = np.asarray(file["gradient"])
        run.rows["open"] = run.submit(_BROUGHT, _npy(truth))
        assert run.rows["open"]["scorecard"]["metrics"]["cos"]["value"] > 0.999999
        noise = np.random.default_rng(1).standard_normal((1500, 16))
        run.rows["sealed"] = run.submit(_SEALED, _npy(noise.astype(np.float32)))
        assert run.rows["sealed"]["job"]
        told = {name for name, metric in run.rows["sealed"]["scorecard"]["metrics"].items() if metric}
        assert told == {"cos"}, told
        large = np.random.default_rng(2).standard_normal((10_000, 16))
        run.rows["large"] = run.submit("hd-d16-n64-p8", _npy(large))
        assert run.rows["large"]["job"], "W1BENCH_JOB_BYTES of .env did not reach the server"
        seen.append("open at once, sealed by sealed-scorer, one above .env's W1BENCH_JOB_BYTES by scorer")


def _scrape(run: Run) -> None:
    with run.step("figures are scraped from within") as seen:
        program = "from urllib.request import urlopen; print(urlopen('http://server:8100/metrics').read().decode())"
        read = ["podman", "run", "--rm", "--network", "w1bench_inside", "--entrypoint", "python", "w1bench-server"]
        text = output(*read, "-c", program)
        assert 'w1bench_submissions_total{outcome="recorded"} 1.0' in text, text
        run.deployment.documented(
            "docker compose exec server python -c \"from urllib.request import urlopen; print(urlopen('http://127.0.0.1:8100/metrics').read().decode())\""
        )
        seen.append(f"{len(text.splitlines())} lines at server:8100 on the network w1bench_inside")


def _back_up(run: Run) -> None:
    with run.step("a backup is taken") as seen:
        run.deployment.documented("docker compose run --rm backup")
        (name,) = run.deployment.documented("docker compose run --rm --entrypoint ls backup /backups").split()
        run.deployment.backup = name
        words = {"w1bench-2030-01-31T040000Z.tar": name}
        run.deployment.documented(
            "docker compose run --rm -T --entrypoint cat backup /backups/w1bench-2030-01-31T040000Z.tar > w1bench-2030-01-31.tar",
            words,
        )
        run.deployment.documented(
            "docker compose run --rm -T --entrypoint tar archivist -c -C / archive truth > archive-2030-01-31.tar"
        )
        sizes = [(run.deployment.folder / f"{kind}-2030-01-31.tar").stat().st_size for kind in ("w1bench", "archive")]
        seen.append(f"{sizes[0]:,} bytes, and {sizes[1]:,} of archive and truth")


def _kill_host(run: Run) -> None:
    with run.step("the host is killed") as seen:
        late = run.submit(_BROUGHT, _npy(np.random.default_rng(3).standard_normal((1500, 2))), "late")
        sizes = {"train": 60_000, "test": 2000, "probe": 100, "w1_rays": 1 << 17}
        slow = small_recipe(_SLOW, source={"kind": "uniform", "dim": 200}, funnel={"count": 64}, sizes=sizes)
        job = run.ask_for_pair(slow.canonical())
        deadline = time.monotonic() + _JOB_SECONDS
        while run.client.get(f"/v1/jobs/{job}").json()["state"] == "queued":
            assert time.monotonic() < deadline, "nobody began the job"
            time.sleep(0.1)
        killed = run.deployment.kill()
        run.deployment.start()
        row = ended(run.client, job, seconds=_JOB_SECONDS)
        assert (row["state"], row["attempts"] > 1) == ("succeeded", True), row
        for kept in (*run.rows.values(), late):
            assert run.client.get(f"/v1/submissions/{kept['id']}").json()["sha256"] == kept["sha256"]
        seen.append(f"{killed} containers; all submissions are there, the pair was built at attempt {row['attempts']}")


def _restore(run: Run) -> None:
    with run.step("everything is lost, and restored") as seen:
        words = {"w1bench-2030-01-31T040000Z.tar": run.deployment.backup}
        run.deployment.documented("docker compose --profile sealed down")
        run.deployment.documented("docker volume rm w1bench_database w1bench_data")
        run.deployment.run("docker volume rm w1bench_archive w1bench_truth")
        for line in (
            "docker compose run --rm volumes",
            "docker compose run --rm -T --entrypoint tar archivist -x -C / < archive-2030-01-31.tar",
            "docker compose up --detach database",
        ):
            run.deployment.documented(line)
        run.deployment.await_healthy(["database"])
        restore = "docker compose run --rm --entrypoint w1bench backup restore /backups/w1bench-2030-01-31T040000Z.tar"
        run.deployment.documented(restore, words)
        run.deployment.start()
        page = run.client.get(f"/v1/pairs/{_BROUGHT}/submissions").json()["submissions"]
        assert [row["id"] for row in page if not row["reference"]] == [run.rows["open"]["id"]]
        for kept in run.rows.values():
            row = run.client.get(f"/v1/submissions/{kept['id']}").json()
            assert row == {name: kept[name] for name in row}
        seen.append("the rows of the backup, with the same scores; the tokens work")
        run.submit(_BROUGHT, _npy(np.random.default_rng(4).standard_normal((1500, 2))), "later")


def _reveal(run: Run) -> None:
    with run.step("the sealed pair is revealed") as seen:
        for verb in ("reveal /archive/NAME --truth /truth", "verify /archive/NAME"):
            run.deployment.documented(f"docker compose run --rm archivist {verb}", {"NAME": _SEALED})
        deadline = time.monotonic() + _JOB_SECONDS
        address = f"/v1/submissions/{run.rows['sealed']['id']}"
        while "l2" not in (row := run.client.get(address).json())["scorecard"]["metrics"]:
            assert time.monotonic() < deadline, row
            time.sleep(0.5)
        body = run.client.get(f"{address}/body").content
        assert hashlib.sha256(body).hexdigest() == row["sha256"]
        seen.append("the submission is scored in full, its body published from the restored folder")


def _npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


STEPS: list[Callable[[Run], None]] = [
    _build, _start, _bring, _job, _seal, _submit, _scrape, _back_up, _kill_host, _restore, _reveal,
]  # fmt: skip

if __name__ == "__main__":
    os.nice(10)
    main()
