"""A deployment of docker/compose.yaml by podman: the commands of docs/hosting.md, health, and the death of the host."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from support.files import ROOT

_HOSTING = (ROOT / "docs" / "hosting.md").read_text(encoding="utf-8")
_COMPOSE = ROOT / "docker" / "compose.yaml"
_STAND_IN = "localhost/w1bench-stand-in"
_HEALTHY_SECONDS = 600.0
_COMMAND_SECONDS = 1800.0
# Run by whoever upgrades; the run has nothing to pull.
_NOT_RUN = ("docker compose build --pull",)


def output(*command: str) -> str:
    """What a command prints.

    Raises:
        AssertionError: it failed.
    """
    done = subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_SECONDS)
    assert done.returncode == 0, f"{shlex.join(command)}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout


class Deployment:
    """The containers, networks and volumes of compose.yaml's project, with an .env in `folder`, where commands are run."""

    password = """p@ss/w:rd %41$HOME#?&+"!"""
    backup = ""

    def __init__(self, folder: Path, *, stand_ins: bool, build_args: str) -> None:
        self.folder = folder
        self._ran = set[str]()
        services = yaml.safe_load(_COMPOSE.read_text(encoding="utf-8"))["services"]
        self.services = [name for name, service in services.items() if "healthcheck" in service]
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        settings = {
            "POSTGRES_PASSWORD": f"'{self.password}'",
            "W1BENCH_PUBLIC_PORT": f"127.0.0.1:{port}",
            "W1BENCH_ENV_FILE": str(folder / ".env"),
            "W1BENCH_JOB_BYTES": "200000",
        }
        options = ["--env-file", str(folder / ".env"), "--file", str(_COMPOSE), "--in-pod", "false"]
        options += [
            "--podman-run-args=--read-only-tmpfs=false"
        ]  # of podman's own; compose.yaml names all that it needs
        if stand_ins:
            build = ["podman", "build", *shlex.split(build_args), "--tag", _STAND_IN, "--file", "stand-in.Dockerfile"]
            base = re.search(r"PYTHON_IMAGE:-(.*)}", _COMPOSE.read_text(encoding="utf-8"))
            assert base
            output(*build, "--build-arg", f"PYTHON_IMAGE={base[1]}", str(Path(__file__).parent))
            settings |= {"NGINX_IMAGE": _STAND_IN, "POSTGRES_IMAGE": _STAND_IN}
        if build_args:
            options += [f"--podman-build-args={build_args}"]
        (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        # Where a service is run by its name, Docker's compose takes its profile for granted; podman's does not.
        self._docker = (
            "docker() { "
            'if [ "$1" != compose ]; then podman "$@"; return; fi; shift; '
            f'[ "$1" != run ] || set -- --profile tools "$@"; {shlex.join(["podman-compose", *options])} "$@"; '
            "}; set -e; "
        )

    def run(self, line: str) -> str:
        """What a line of commands prints, in which `docker` is podman."""
        done = subprocess.run(
            ["bash", "-c", self._docker + line],
            cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_COMMAND_SECONDS,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
        return done.stdout

    def documented(self, line: str, words: Mapping[str, str] | None = None) -> str:
        """Run a line of hosting.md, with its examples' names replaced."""
        assert line in _HOSTING, line
        self._ran.add(line)
        for word, here in (words or {}).items():
            assert word in line, word
            line = line.replace(word, here)
        return self.run(line)

    def never_run(self) -> list[str]:
        """The commands of hosting.md that were not run."""
        lines = re.findall(r"^docker (?:compose|volume) .*$", _HOSTING, re.MULTILINE)
        assert lines
        return [line for line in lines if line not in self._ran and line not in _NOT_RUN]

    def start(self) -> list[str]:
        """Start all, each after those that it needs, which podman-compose leaves to newer podmans; returns who is healthy."""
        for needed in ("database", "server", "ray-head"):
            self.run(f"docker compose up --detach {needed}")
            self.await_healthy([needed])
        self.documented("docker compose up --detach")
        self.documented("docker compose --profile sealed up --detach")
        return self.await_healthy(self.services)

    def await_healthy(self, services: Iterable[str]) -> list[str]:
        """Wait until the health check of each succeeds; returns their names.

        Raises:
            AssertionError: one does not in time; with the end of its log.
        """
        deadline = time.monotonic() + _HEALTHY_SECONDS
        for service in services:
            name = f"w1bench_{service}_1"
            while subprocess.run(["podman", "healthcheck", "run", name], capture_output=True).returncode:
                log = subprocess.run(["podman", "logs", "--tail", "30", name], capture_output=True, text=True)
                assert time.monotonic() < deadline, f"{service} is not healthy: {log.stdout}{log.stderr}"
                time.sleep(1)
        return list(services)

    def check_bounds(self) -> None:
        """Hold each container's bounds and rights, as the kernel has them, against none at all."""
        asked = "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} {{.HostConfig.ReadonlyRootfs}} {{.Config.User}} {{.EffectiveCaps}}"
        for service in self.services:
            said = output("podman", "inspect", "--format", asked, f"w1bench_{service}_1").split()
            memory, pids, read_only, user, *capabilities = said
            assert int(memory) > 0 and 0 < int(pids) <= 4096 and read_only == "true", (service, said)  # noqa: PT018
            assert not user.startswith("0") and capabilities in (["[]"], ["<nil>"]), (service, said)  # noqa: PT018

    def kill(self) -> int:
        """SIGKILL to every container's processes at once; returns how many containers that were."""
        names = [f"w1bench_{service}_1" for service in self.services]
        pids = output("podman", "inspect", "--format", "{{.State.Pid}}", *names).split()
        for pid in pids:
            os.kill(int(pid), signal.SIGKILL)
        output("podman", "wait", *names)
        return len(pids)

    def remove(self) -> None:
        """Everything goes: containers, networks and volumes."""
        self.run("docker compose --profile sealed --profile tools down --volumes")
