"""Report: a benchmark's Markdown tables under the command, date, processor and versions that made them."""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

_FOLDER = Path(__file__).resolve().parents[2] / "docs" / "benchmarks"


@dataclass(frozen=True)
class Run:
    """How a benchmark was called: `quick` asks for small inputs, `out` is the file to write, if any."""

    name: str
    quick: bool
    out: Path | None

    @property
    def command(self) -> str:
        return f"python tests/benchmarks/{self.name}.py" + (" --quick" if self.quick else "")


def parse(name: str, description: str | None) -> Run:
    """The command line of benchmark `name`; quick runs are only printed unless `--out` is given."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="small inputs and few repeats, for a look")
    parser.add_argument("--out", type=Path, help=f"file to write; docs/benchmarks/{name}.md unless --quick")
    given = parser.parse_args()
    out = given.out or (None if given.quick else _FOLDER / f"{name}.md")
    return Run(name, given.quick, out)


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table, its first column to the left and all others to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def publish(run: Run, title: str, sections: Sequence[str], *, packages: Sequence[str]) -> None:
    """Print `sections` under what made them, and write them to the run's file."""
    made_by = f"`{run.command}`, {datetime.now(UTC).date()}, on {machine()}; {versions(packages)}."
    text = "\n\n".join([f"# {title}", made_by, *sections]) + "\n"
    print(text)
    if run.out is not None:
        run.out.parent.mkdir(parents=True, exist_ok=True)
        run.out.write_text(text, encoding="utf-8")


def machine() -> str:
    """The processor's name, how many of them there are, and the operating system."""
    return f"{_processor()}, {os.cpu_count()} processors, {platform.system()}"


def versions(packages: Sequence[str]) -> str:
    """Python's version and those of `packages`."""
    return ", ".join([f"Python {platform.python_version()}", *(f"{p} {version(p)}" for p in packages)])


def _processor() -> str:
    """As Linux names it, or as Python does elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), platform.processor() or platform.machine())
