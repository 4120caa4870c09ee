"""The building process: reads a recipe from standard input, builds the pair, and reports progress until it is done.

It alone in the service imports what generation needs. It runs at a lower priority than the processes that score, and ends with
its worker. If it is killed, the next one of the same recipe continues from the shards that are stored.
"""

import errno
import json
import logging
import os
import sys
import threading
from pathlib import Path
from typing import Any

import filelock

from w1bench.archive.drafts import lock_of
from w1bench.errors import CheckFailedError, PairError, UnreachableError, W1BenchError
from w1bench.recipes.recipe import parse_recipe
from w1bench.sources.generators.catalogue import EMBEDDED
from w1bench_server.sandbox.syscalls import make_unreadable

_PATIENCE_SECONDS = 60.0  # for a killed process to be gone, or for another one that builds the same pair
_log = logging.getLogger(__name__)


def main() -> None:
    """Build the recipe on the first line of standard input; the last line printed is how that ended."""
    make_unreadable()
    task = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_input, daemon=True).start()
    os.nice(task["nice"])
    with os.fdopen(os.dup(1), "w", buffering=1) as said:
        os.dup2(2, 1)  # what libraries print is not for the worker

        def report(done: int, total: int, unit: str) -> None:
            said.write(json.dumps({"done": done, "total": total, "unit": unit}) + "\n")

        said.write(json.dumps(_built(task, report)) + "\n")
    os._exit(0)  # threads of libraries need not be waited for


def _built(task: dict[str, Any], report: Any) -> dict[str, Any]:
    """How a build ended: `reason` is None if the pair is published, `again` is true if another attempt may succeed."""
    folder = Path(task["archive"])
    try:
        recipe = parse_recipe(_placed(json.loads(task["recipe"])), origin="the job")
        _wait_for_others(folder, recipe.name)
        from w1bench.builder.build import build

        build(recipe, folder, resume=True, engine=_engine(task["ray_address"]), report=report)
    except Exception as error:  # noqa: BLE001 - every failure is reported to the job
        _log.exception("the build failed")
        return {"reason": _reason(error), "again": isinstance(error, UnreachableError)}
    return {"reason": None, "again": False}


def _placed(values: dict[str, Any]) -> dict[str, Any]:
    """A recipe's fields, with the path of its generator among those that come with the package."""
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
        raise PairError(
            f"Another process has been building {name} for {_PATIENCE_SECONDS:g} s; wait for it, or end it."
        ) from None


def _engine(ray_address: str | None) -> Any:
    """The cluster at an address; None for threads of this process."""
    if ray_address is None:
        return None
    from w1bench.builder.engines.ray_cluster import RayCluster

    return RayCluster(ray_address)


def _reason(error: Exception) -> str:
    """Why it failed, for all users to read: names of folders go to the log only."""
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
    """Exit when the worker has ended, even by a kill: it holds the other end of standard input."""
    sys.stdin.buffer.read()
    os._exit(1)
