"""A newcomer in a fresh environment types docs/tutorial.md against a service of its own: `PYTHONPATH=tests python -m newcomer.walk`.

The light install is new; torch and JAX are those of this environment, as a researcher has them. Building the pair and starting the service, which
are not the newcomer's work, come before the clock. Prints the seconds of each line.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from support.files import ROOT
from support.servers import serving
from w1bench.builder.build import build
from w1bench.recipes.files import find_recipe
from w1bench_server.settings import Settings
from w1bench_server.web.auth.tokens import create_token

PAGE, CURL = (ROOT / "docs" / name for name in ("tutorial.md", "tutorial-curl.md"))
PAIR = "hd-d2-n4-p8"
INSTALL = "pip install ."
MOST_SECONDS = 90  # of all that is not training


def lines(page: str) -> list[str]:
    """The lines that the page has typed in a shell, in their order."""
    return [line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]


def programs(page: str) -> dict[str, str]:
    """The programs of the page, by the names of their files."""
    found = re.findall(r"`(\w+\.py)`:\n\n```python\n(.*?)```", page, re.DOTALL)
    return dict(found)


def walk(
    folder: Path, environment: Mapping[str, str], *, of: Path = PAGE, without: tuple[str, ...] = ()
) -> Iterator[tuple[str, float, str]]:
    """Type a page's lines in a folder, one after the other; yields each with its seconds and what it printed."""
    page = of.read_text(encoding="utf-8")
    for name, program in programs(page).items():
        (folder / name).write_text(program, encoding="utf-8")
    for line in [line for line in lines(page) if line not in without]:
        begun = time.monotonic()
        place = ROOT if line == INSTALL else folder
        done = subprocess.run(["bash", "-c", line], cwd=place, env=dict(environment), capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"`{line}` ended with {done.returncode}:\n{done.stderr}")
        yield line, time.monotonic() - begun, done.stdout


def archive(folder: Path) -> Path:
    """An archive with the page's pair, small."""
    build(find_recipe(PAIR).with_sizes(train=5000, test=1000, probe=200, w1_rays=65536), folder)
    return folder


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        (place / "data").mkdir()
        settings = Settings(
            archive=archive(place / "archive"), data=place / "data", port=0, min_free_bytes=0, own_worker="none"
        )
        token = create_token(settings, user="newcomer")
        begun = time.monotonic()
        subprocess.run([sys.executable, "-m", "venv", place / "fresh"], check=True)
        print(f"{time.monotonic() - begun:6.1f} s  python -m venv fresh")
        with serving(settings, seconds=1800) as (_, http):
            environment = {
                name: value for name, value in os.environ.items() if not name.startswith(("W1BENCH_", "PYTHON"))
            }
            environment |= {
                "PATH": f"{place / 'fresh' / 'bin'}:{os.environ['PATH']}", "W1BENCH_SERVER": str(http.base_url), "W1BENCH_TOKEN": token,
                "XDG_CACHE_HOME": str(place / "cache"), "OMP_NUM_THREADS": "1", "PIP_CACHE_DIR": str(place / "pip"),
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            }  # fmt: skip
            spent = 0.0
            fresh = next((place / "fresh" / "lib").glob("python*/site-packages"))
            for line, seconds, printed in walk(place, environment):
                spent += 0 if re.search("critic_(torch|jax)", line) else seconds
                print(f"{seconds:6.1f} s  {line}\n{'' if line == INSTALL else printed}", flush=True)
                if line == "python critic_numpy.py":  # which needs the light install alone; now come torch and JAX
                    (fresh / "researcher.pth").write_text("\n".join(_site_packages()))
        print(f"{spent:6.1f} s  beyond training; at most {MOST_SECONDS}")
        if spent > MOST_SECONDS:
            raise SystemExit(1)


def _site_packages() -> list[str]:
    """Where this environment's packages are."""
    return list(dict.fromkeys([sysconfig.get_path("purelib"), *(p for p in sys.path if p.endswith("site-packages"))]))


if __name__ == "__main__":
    main()
