"""The build process: told a recipe on standard input, it builds the pair, says how far it is, and ends with the worker.

It alone of the service imports what generation needs. It gives way to the processes that score; killed, it is gone on with
by the next one that is told the same.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import sys
import threading
from pathlib import Path
from typing import Any

import filelock

from w1bench.archive.unfinished import lock_of
from w1bench.errors import CheckFailedError, PairError, UnreachableError, W1BenchError
from w1bench.recipes.recipe import parse_recipe
from w1bench.sources.generators.embedded import EMBEDDED

_NICE = 10
_PATIENCE_SECONDS = 60.0  # until the process that was killed before it is gone, or another that builds the same
_log = logging.getLogger(__name__)


def main() -> None:
    """Build what the first line of standard input says; the last line that is printed says how it ended."""
    task = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_input, daemon=True).start()
    os.nice(_NICE)
    with os.fdopen(os.dup(1), "w", buffering=1) as said:
        os.dup2(2, 1)  # what libraries print is not for the worker

        def report(done: int, total: int, unit: str) -> None:
            said.write(json.dumps({"done": done, "total": total, "unit": unit}) + "\n")

        said.write(json.dumps(_built(task, report)) + "\n")
    os._exit(0)  # threads of libraries need not be waited for


def _built(task: dict[str, Any], report: Any) -> dict[str, Any]:
    """How a build ended: without a reason, if it is published; with one that may pass, if it is worth another attempt."""
    folder = Path(task["archive"])
    try:
        recipe = parse_recipe(_placed(json.loads(task["recipe"])), origin="the job")
        _wait_for_others(folder, recipe.name)
        from w1bench.builder.build import build

        build(recipe, folder, resume=True, engine=_engine(task["ray_address"]), report=report)
    except Exception as error:  # noqa: BLE001 - whatever happens, the job is told
        _log.exception("the build failed")
        return {"reason": _reason(error), "again": isinstance(error, UnreachableError)}
    return {"reason": None, "again": False}


def _placed(values: dict[str, Any]) -> dict[str, Any]:
    """A recipe's fields, with its generator where those lie that come with the package."""
    source = values["source"]
    file = source.get("generator", source)
    if "checkpoint" in file:
        file["path"] = str(EMBEDDED / file["checkpoint"])
    return values


def _wait_for_others(folder: Path, name: str) -> None:
    try:
        with filelock.FileLock(lock_of(folder, name), timeout=_PATIENCE_SECONDS):
            return
    except filelock.Timeout:
        raise PairError(f"Another process builds {name} all the while.") from None


def _engine(ray_address: str | None) -> Any:
    """The cluster that is named; None for threads of this process."""
    if ray_address is None:
        return None
    from w1bench.builder.engines.ray import RayCluster

    return RayCluster(ray_address)


def _reason(error: Exception) -> str:
    """Why it failed, for everyone to read: without a folder's name, which goes to the log."""
    match error:
        case CheckFailedError():
            return "The certificate of the pair does not hold; the builder's log says which figure."
        case PairError():
            return "A pair or an unfinished build of this name is in the way; tell the operator, or give another name."
        case UnreachableError():
            return "The cluster that builds cannot be reached, or lost its machines."
        case W1BenchError():
            return str(error).replace(f"{EMBEDDED}{os.sep}", "")
        case ModuleNotFoundError():
            return f"The builder lacks {error.name}; tell the operator to install w1bench with its extra `torch`."
        case MemoryError():
            return "The builder has not enough memory for this pair; give it fewer funnels, or a smaller dimension."
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return "The builder's disk is full; tell the operator."
        case _:
            return "The build failed, which is the service's own fault; tell the operator."


def _end_with_input() -> None:
    """End with the worker, however that ended: it holds the other end of standard input."""
    sys.stdin.buffer.read()
    os._exit(1)
