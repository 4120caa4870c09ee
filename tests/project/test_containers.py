"""The images: their steps work without Docker, and what compose runs has no rights that it does not need."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from project.container_steps import ROOT, build, instructions
from support.files import tracked

DOCKERFILES = sorted((ROOT / "docker").glob("*.Dockerfile"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
PREPARING = "volumes"  # gives the volumes to their owners, and ends


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_an_image_copies_what_is_tracked_and_runs_as_nobody(dockerfile: Path) -> None:
    said = list(instructions(dockerfile))
    last = [rest for word, rest in said if word == "USER"][-1]
    assert last == "10001:10001"
    files = tracked(ROOT)
    sources = [source for word, rest in said if word == "COPY" and "--from" not in rest for source in rest.split()[:-1]]
    for source in sources:
        assert any(path == source or path.startswith(f"{source}/") for path in files), source
    installs = [rest for word, rest in said if word == "RUN" and "pip install" in rest]
    assert installs
    assert all("--constraint constraints.txt" in install for install in installs)
    assert any(word == "HEALTHCHECK" for word, _ in said)


def test_the_generator_compiles_into_a_folder_it_may_write() -> None:
    (environment,) = [rest for word, rest in instructions(ROOT / "docker" / "generator.Dockerfile") if word == "ENV"]
    assert "NUMBA_CACHE_DIR=/tmp/numba" in environment
    assert any(mount.startswith("/tmp:") for mount in SERVICES["worker"]["tmpfs"])


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {PREPARING}))
def test_a_service_cannot_write_its_image_nor_gain_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["user"].split(":")[0]) > 0
    assert service["healthcheck"]["test"]


def test_nginx_alone_is_outside() -> None:
    assert {name for name, network in COMPOSE["networks"].items() if not network.get("internal")} == {"outside"}
    assert [name for name, service in SERVICES.items() if "outside" in service.get("networks", ())] == ["nginx"]
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["nginx"]
    assert SERVICES[PREPARING]["network_mode"] == "none"
    assert all("networks" in service for name, service in SERVICES.items() if name != PREPARING)


def test_the_archive_is_written_by_generators_alone() -> None:
    mounts = {
        name: [v for v in service["volumes"] if v.startswith("archive:")]
        for name, service in SERVICES.items()
        if "volumes" in service
    }
    assert mounts["nginx"] == mounts["server"] == mounts["scorer"] == ["archive:/archive:ro"]


def test_workers_share_the_servers_database_and_see_no_more() -> None:
    server = SERVICES["server"]
    assert server["environment"]["W1BENCH_OWN_WORKER"] == "none"
    for name, image in (("scorer", "w1bench-server"), ("builder", "w1bench-generator")):
        worker = SERVICES[name]
        assert worker["image"] == image
        assert worker["networks"] == ["inside"]
        assert worker["environment"]["W1BENCH_DATABASE_URL"] == server["environment"]["W1BENCH_DATABASE_URL"]
    assert "data:/data" in SERVICES["scorer"]["volumes"]
    assert SERVICES["builder"]["volumes"] == ["archive:/archive"]


def test_nginx_is_trusted_by_the_settings_that_name_it() -> None:
    environment = SERVICES["server"]["environment"]
    (subnet,) = COMPOSE["networks"]["front"]["ipam"]["config"]
    assert environment["W1BENCH_TRUSTED_PROXIES"] == subnet["subnet"]
    assert f"location {environment['W1BENCH_ACCEL_PREFIX']} {{" in (ROOT / "docker" / "nginx.conf").read_text()


@pytest.mark.slow
def test_the_steps_of_the_servers_image_make_a_server(archive: Path, tmp_path: Path) -> None:
    """Installs from the package index, about a minute."""
    stage = build(ROOT / "docker" / "server.Dockerfile", tmp_path / "image")
    program = stage.place("/opt/w1bench/bin/w1bench")
    assert json.loads(stage.said["ENTRYPOINT"]) == ["w1bench"]
    said = {name: value for name, value in stage.environment.items() if name != "PATH"}
    ours = {"W1BENCH_ARCHIVE": str(archive), "W1BENCH_DATA": str(tmp_path / "data"), "W1BENCH_PORT": "0"}
    clean = {"PATH": os.environ["PATH"]} | said | ours | {"W1BENCH_HOST": "127.0.0.1"}
    with subprocess.Popen(
        [program, *json.loads(stage.said["CMD"])], stdout=subprocess.PIPE, text=True, env=clean, cwd=tmp_path
    ) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline().startswith("w1bench serving http://127.0.0.1:")
        finally:
            server.terminate()
    listed = subprocess.run(
        [program.with_name("python"), "-m", "pip", "list"], capture_output=True, text=True, env=clean
    ).stdout
    assert "psycopg" in listed
    assert "torch" not in listed
