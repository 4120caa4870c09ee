"""The images: their steps work without Docker, and what compose runs has no rights that it does not need."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import make_url

from project.container_steps import ROOT, build, instructions
from support.files import tracked
from w1bench_server.settings import Settings

DOCKERFILES = sorted((ROOT / "docker").glob("*.Dockerfile"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
PREPARING = "volumes"  # gives the volumes to their owners, and ends
BY_HAND = {"backup", "archivist"}  # run once for a command


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
    assert name in BY_HAND or service["healthcheck"]["test"]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_has_bounds_on_memory_and_processes(name: str) -> None:
    assert re.fullmatch(r"\d+[mg]", SERVICES[name]["mem_limit"])
    assert 0 < SERVICES[name]["pids_limit"] <= 4096


def test_images_of_others_have_exact_versions_or_digests() -> None:
    images = {name: service["image"] for name, service in SERVICES.items() if "build" not in service}
    assert images.keys() == {"nginx", "database", PREPARING}
    bases = [service["build"]["args"]["PYTHON_IMAGE"] for service in SERVICES.values() if "build" in service]
    for image in (*images.values(), *bases):
        assert re.fullmatch(r"\$\{[A-Z]+_IMAGE:-[a-z]+:\d+\.\d+(\.\d+)?-[a-z0-9.-]+(@sha256:[0-9a-f]{64})?\}", image)
    for dockerfile in DOCKERFILES:
        (given,) = [rest for word, rest in instructions(dockerfile) if word == "ARG" and "PYTHON_IMAGE" in rest]
        assert given.replace("=", ":-", 1).join(("${", "}")) == bases[0]


def test_every_setting_reaches_whoever_serves_and_works() -> None:
    served = [name for name, service in SERVICES.items() if "PGPASSWORD" in service.get("environment", {})]
    assert {"server", "scorer", "sealed-scorer", "builder", "backup"} == set(served)
    for name in served:
        assert SERVICES[name]["env_file"] == ["${W1BENCH_ENV_FILE:-.env}"]
    ours = {name for name in SERVICES["server"]["environment"] if name.startswith("W1BENCH_")}
    assert ours == {f"W1BENCH_{name}" for name in ("DATABASE_URL", "OWN_WORKER", "ACCEL_PREFIX", "TRUSTED_PROXIES")}
    named = set(re.findall(r"W1BENCH_([A-Z_]+)=", (ROOT / "docker" / "example.env").read_text(encoding="utf-8")))
    assert named - {"PUBLIC_PORT"} <= {name.upper() for name in Settings.model_fields}


def test_any_password_of_the_database_works() -> None:
    """It is never part of an address, in which @ and / have a meaning."""
    given = "${POSTGRES_PASSWORD:?set POSTGRES_PASSWORD in .env}"
    assert SERVICES["database"]["environment"]["POSTGRES_PASSWORD"] == given
    for service in SERVICES.values():
        if "W1BENCH_DATABASE_URL" in (environment := service.get("environment", {})):
            url = make_url(environment["W1BENCH_DATABASE_URL"])
            assert (url.username, url.password, url.host, url.database) == ("w1bench", None, "database", "w1bench")
            assert environment["PGPASSWORD"] == given


def test_the_truth_of_sealed_pairs_is_mounted_where_it_is_needed() -> None:
    having = {name for name, service in SERVICES.items() if any("truth:" in v for v in service.get("volumes", ()))}
    assert having == {"sealed-scorer", "archivist", PREPARING}
    assert "truth:/truth:ro" in SERVICES["sealed-scorer"]["volumes"]
    assert SERVICES["archivist"]["network_mode"] == "none"


def test_nginx_alone_is_outside() -> None:
    assert {name for name, network in COMPOSE["networks"].items() if not network.get("internal")} == {"outside"}
    assert [name for name, service in SERVICES.items() if "outside" in service.get("networks", ())] == ["nginx"]
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["nginx"]
    assert SERVICES[PREPARING]["network_mode"] == "none"
    assert all("networks" in service or service["network_mode"] == "none" for service in SERVICES.values())


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
    assert environment["W1BENCH_TRUSTED_PROXIES"] == f"${{W1BENCH_TRUSTED_PROXIES:-{subnet['subnet']}}}"
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


def test_the_commands_that_hosting_gives_name_what_compose_has() -> None:
    text = (ROOT / "docs" / "hosting.md").read_text(encoding="utf-8")
    lines = re.findall(r"^docker (?:compose|volume rm) .*$", text, re.MULTILINE)
    assert len(lines) > 15
    volumes, profiles = COMPOSE["volumes"], {name for s in SERVICES.values() for name in s.get("profiles", ())}
    for words in map(str.split, lines):
        if words[1] == "volume":
            assert {word.removeprefix("w1bench_") for word in words[3:]} <= volumes.keys()
        elif {"run", "exec"} & set(words):
            assert set(words) & SERVICES.keys(), words
        if "--profile" in words:
            assert words[words.index("--profile") + 1] in profiles
    for name in SERVICES:
        assert f"`{name}`" in text
