"""The commands of docs/hosting.md for a single machine work where cron runs them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from support.files import ROOT

HOSTING = (ROOT / "docs" / "hosting.md").read_text(encoding="utf-8")
URL = "postgresql+psycopg://w1bench:a$b`c'd@10.0.0.7/w1bench?connect_timeout=5&application_name=w1"


def test_the_command_script_passes_settings_on_as_they_stand(tmp_path: Path) -> None:
    """systemd reads the file line by line; a shell would take `&`, `$` and quotes for its own."""
    (script,) = (part for part in re.findall(r"```\n(.*?)```", HOSTING, re.DOTALL) if part.startswith("#!/bin/sh"))
    (tmp_path / "env").write_text(f"# a remark\nW1BENCH_DATA=/srv/with blank\nW1BENCH_DATABASE_URL={URL}\n")
    (tmp_path / "script").write_text(
        script.replace("/etc/w1bench.env", str(tmp_path / "env")).replace(
            "/usr/sbin/runuser -u w1bench -- /opt/w1bench/.venv/bin/w1bench", "printenv"
        )
    )
    command = ["env", "-i", "PATH=/usr/bin:/bin", "sh", tmp_path / "script", "W1BENCH_DATABASE_URL", "W1BENCH_DATA"]
    assert subprocess.run(command, capture_output=True, text=True).stdout.splitlines() == [URL, "/srv/with blank"]


def test_cron_needs_no_path_of_its_own_and_deletes_after_a_backup_alone() -> None:
    (line,) = re.findall(r"^0 4 \* \* \* root (.*)$", HOSTING, re.MULTILINE)
    kept, deleted = line.split(" && ")
    assert kept.startswith("/usr/local/bin/w1bench backup /")
    assert "\\%F" in kept
    assert deleted.endswith("-delete")
    assert HOSTING.count("-delete") == 1
