"""The steps of an image's build without Docker: a Dockerfile's own COPY, ENV and RUN lines, below a folder instead of /.

    python tests/project/container_steps.py docker/server.Dockerfile FOLDER

The base image's Python is the one that runs this; what a step names by an absolute path is below FOLDER. Anything that the file says
and this does not know is an error, so that the two cannot drift apart.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

ROOT = Path(__file__).resolve().parents[2]

_PLACES = re.compile(r"(?<![\w./:])/(opt|src)\b")  # what the images' builds write
_PYTHON = re.compile(r"^python(?= )")
_SAID = ("USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD")  # of the running container; nothing to build


@dataclass
class Stage:
    """A stage of a build: its file system below `root`, and what it has said so far."""

    root: Path
    folder: str = "/"
    environment: dict[str, str] = field(default_factory=dict[str, str])
    said: dict[str, str] = field(default_factory=dict[str, str])

    def place(self, path: str) -> Path:
        """Where an image's path is here."""
        return self.root / os.path.normpath(os.path.join(self.folder, path)).lstrip("/")  # noqa: PTH118


def instructions(dockerfile: Path) -> Iterator[tuple[str, str]]:
    """The instructions of a file, with their continued lines joined."""
    text = re.sub(r"^#.*\n", "", dockerfile.read_text(encoding="utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    for line in filter(str.strip, text.splitlines()):
        word, _, rest = line.partition(" ")
        yield word, rest.strip()


def build(dockerfile: Path, root: Path) -> Stage:
    """Take the steps; returns the last stage, whose files are below `root`.

    Stages share one folder, so that what was installed under a path stays where its scripts say it is.
    """
    stage, arguments = Stage(root), dict[str, str]()
    for word, rest in instructions(dockerfile):
        match word:
            case "FROM":
                base = Template(rest).substitute(arguments)
                assert re.match(r"python:3\.\d+\.\d+-slim", base), f"not a base that this stands in for: {base}"
                stage = Stage(root)
            case "ARG":
                name, given, value = rest.partition("=")  # what the environment has of it goes before
                arguments |= {name: value} if given else {}
                stage.environment |= {name: value} if given and name not in os.environ else {}
            case "ENV":
                stage.environment |= dict(part.split("=", 1) for part in shlex.split(rest))
            case "WORKDIR":
                stage.folder = rest
                stage.place(".").mkdir(parents=True, exist_ok=True)
            case "COPY":
                _copy(stage, shlex.split(rest))
            case "RUN":
                _run(stage, rest)
            case _ if word in _SAID:
                stage.said[word] = rest
            case _:
                raise ValueError(f"{dockerfile} says {word}, which is unknown here; add it.")
    return stage


def _copy(stage: Stage, words: list[str]) -> None:
    if words[0].startswith("--from="):
        assert words[1] == words[2], "stages share a folder, so that nothing moves between them"
        assert stage.place(words[1]).exists(), f"{words[1]} was not made by the stage before"
        return
    *sources, target = words
    for source in sources:
        place = stage.place(target) / source if target.endswith("/") else stage.place(target)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(ROOT / source, place)


def _run(stage: Stage, command: str) -> None:
    here = _PYTHON.sub(shlex.quote(sys.executable), _PLACES.sub(rf"{stage.root}/\1", command))
    print(f"$ {command}", flush=True)
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    environment = ours | {name: value for name, value in stage.environment.items() if name != "PATH"}
    subprocess.run(["bash", "-euc", here], cwd=stage.place("."), env=environment, check=True)


if __name__ == "__main__":
    built = build(Path(sys.argv[1]), Path(sys.argv[2]).resolve())
    print(json.dumps(built.said, indent=1))
